// Package recount works out what the views must show, row by row in plain Go, from
// the base tables alone: no SQL but to read them, and no rule of the pipeline.
//
// [Read] reads the tables; [Books.Views] makes every view of the contract's §6 of
// them; [Keys] tell what finds a row in each.
package recount

import (
	"cmp"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/grapevinehq/grapevine/internal/golden"
)

// Books are what the base tables hold.
type Books struct {
	clicks       []golden.Row
	conversions  []*conversion
	attributions []golden.Row
	credits      []golden.Row
	rewards      []*reward
	fulfillments []golden.Row
	passages     []golden.Row // of segments
	goalRows     []golden.Row
	budgetRows   []golden.Row
	now          time.Time
}

// Read reads the base tables. ask answers a query with its rows: texts, whole numbers
// and lists of them.
func Read(ask func(query string) []golden.Row) *Books {
	b := &Books{
		clicks: ask(`SELECT org_id, program_id, toString(day) AS day, toUnixTimestamp64Milli(time) AS at, referrer_id, visitor_id, actor_hash,
			verdict, reason, channel, currency FROM clicks`),
		attributions: ask(`SELECT org_id, program_id, conversion_id, toString(day) AS day, referrer_id, model, paying, credit_ppm, touches, place,
			toUnixTimestamp64Milli(first_touch_at) AS first, toUnixTimestamp64Milli(last_touch_at) AS last FROM attributions`),
		credits: ask(`SELECT org_id, program_id, conversion_id, sequence, role, beneficiary_id, counts, credit_ppm, credited_minor FROM credits`),
		fulfillments: ask(`SELECT org_id, program_id, reward_id, beneficiary_id, currency, unit, amount_minor + quantity AS n
			FROM fulfillments WHERE event_type = 'fulfilled'`),
		goalRows: ask(`SELECT org_id, program_id, goal_id, metric, target, toUnixTimestamp64Milli(starts_at) AS first, toUnixTimestamp64Milli(ends_at) AS until,
			arrayStringConcat(arrayMap((k, v) -> k || '=' || toString(v), mapKeys(points), mapValues(points)), ' ') AS points, toUnixTimestamp64Milli(taken_at) AS taken FROM goals`),
		budgetRows: ask(`SELECT org_id, budget_id, team, period_kind, limit_minor, currency, toUnixTimestamp64Milli(taken_at) AS taken FROM budgets`),
		now:        time.Now().UTC(),
		passages:   ask(`SELECT org_id, segment_id, member_id, event_type, sequence FROM segment_events`),
	}
	b.conversions = standing(
		ask(`SELECT org_id, program_id, conversion_id, customer_id, kind, verdict, reason, toString(day) AS day, toUnixTimestamp64Milli(time) AS at,
			currency, amount_minor, ifNull(toString(margin), '') AS margin, program_version FROM conversions`),
		ask(`SELECT org_id, program_id, conversion_id, amount_minor, counts_after, toUnixTimestamp64Milli(ingested) AS ingested, batch, kafka_offset FROM adjustments`),
	)
	b.rewards = last(ask(`SELECT org_id, program_id, reward_id, sequence, event_type, status, toString(day) AS day, beneficiary_id, beneficiary_role,
		currency, unit, amount_minor + quantity AS moved, remaining_minor + remaining_quantity AS left, withheld,
		budget_id, toUnixTimestamp64Milli(conversion_time) AS at, drawn_minor, drawn_currency, drawn_period FROM rewards`))
	return b
}

// Views are the rows of every view.
func (b *Books) Views() map[string][]golden.Row {
	return map[string][]golden.Row{
		"program_hourly":      b.programHourly(),
		"program_daily":       b.programs(true),
		"program_totals":      b.programs(false),
		"referrer_totals":     b.referrers(),
		"funnel_daily":        b.funnel(),
		"cohort_ltv":          b.cohorts(),
		"repeat_purchases":    b.repeats(),
		"time_to_convert":     b.times(),
		"reward_balances":     b.balances(),
		"click_quality":       b.quality(),
		"model_comparison":    b.models(),
		"segment_performance": b.segments(),
		"goal_progress":       b.goals(),
		"budget_usage":        b.budgets(),
	}
}

// Keys find a row of each view.
var Keys = map[string][]string{
	"program_hourly":      {"org_id", "program_id", "hour"},
	"program_daily":       {"org_id", "program_id", "day"},
	"program_totals":      {"org_id", "program_id"},
	"referrer_totals":     {"org_id", "program_id", "referrer_id"},
	"funnel_daily":        {"org_id", "program_id", "day"},
	"cohort_ltv":          {"org_id", "program_id", "cohort", "referred", "month"},
	"repeat_purchases":    {"org_id", "program_id", "cohort", "referred"},
	"time_to_convert":     {"org_id", "program_id", "day", "kind"},
	"reward_balances":     {"org_id", "program_id", "beneficiary_id", "currency", "unit"},
	"click_quality":       {"org_id", "program_id", "day", "channel"},
	"model_comparison":    {"org_id", "program_id", "day", "model", "referrer_id"},
	"segment_performance": {"org_id", "program_id", "segment_id"},
	"goal_progress":       {"org_id", "program_id", "goal_id"},
	"budget_usage":        {"org_id", "budget_id", "period", "currency"},
}

// Query asks for all rows of a view, its hours as text.
func Query(view string) string {
	if view == "program_hourly" {
		return "SELECT * EXCEPT hour, formatDateTime(hour, '%Y-%m-%d %H:%i') AS hour FROM program_hourly"
	}
	return "SELECT * FROM " + view
}

// number reads a whole number of any type.
func number(v any) int64 {
	n, err := strconv.ParseInt(fmt.Sprint(v), 10, 64)
	if err != nil {
		panic(fmt.Sprintf("%v is no whole number", v))
	}
	return n
}

func text(v any) string { return fmt.Sprint(v) }

// group collects what belongs together, by the words that name it.
type group[T any] struct {
	of    map[string]*T
	words map[string][]string
}

// at finds what the words name, or begins it.
func (g *group[T]) at(words ...string) *T {
	if g.of == nil {
		g.of, g.words = map[string]*T{}, map[string][]string{}
	}
	key := strings.Join(words, "\x00")
	if g.of[key] == nil {
		g.of[key], g.words[key] = new(T), words
	}
	return g.of[key]
}

// rows makes a row of each; a row that is nil is left out. The words are the columns
// of a view's key.
func (g *group[T]) rows(view string, row func(words []string, of *T) golden.Row) (rows []golden.Row) {
	for key, of := range g.of {
		words := g.words[key]
		r := row(words, of)
		if r == nil {
			continue
		}
		for i, column := range Keys[view] {
			if _, ok := r[column]; !ok {
				r[column] = words[i]
			}
		}
		rows = append(rows, r)
	}
	return rows
}

// ratio is a / b, null without b.
func ratio(a, b float64) any {
	if b == 0 {
		return nil
	}
	return a / b
}

// flag is a truth as tables have it.
func flag(b bool) int64 {
	if b {
		return 1
	}
	return 0
}

// ordered sorts by what every element is worth, one column after the other.
func ordered[T any](list []T, worth func(T) []int64) {
	slices.SortStableFunc(list, func(a, b T) int {
		x, y := worth(a), worth(b)
		for i := range x {
			if c := cmp.Compare(x[i], y[i]); c != 0 {
				return c
			}
		}
		return 0
	})
}
