package e2e

import (
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/segmentio/kafka-go"

	"github.com/grapevinehq/grapevine/internal/enginetest"
	"github.com/grapevinehq/grapevine/internal/golden"
	"github.com/grapevinehq/grapevine/pipeline"
)

func TestGolden_in_one_partition(t *testing.T) {
	t.Parallel()
	goldenCase(t, enginetest.Kafka(t).Addr, 1)
}

func TestGolden_in_eight_partitions(t *testing.T) {
	t.Parallel()
	goldenCase(t, enginetest.Kafka(t).Addr, 8)
}

func TestGolden_on_Apache_Kafka(t *testing.T) {
	t.Parallel()
	goldenCase(t, enginetest.ApacheKafka(t).Addr, 8)
}

// goldenCase runs the worked case through two workers and compares all books.
func goldenCase(t *testing.T, brokers string, partitions int) {
	w := newWorld(t, brokers, partitions, golden.Programs())
	w.createTopics()
	workers := []*worker{w.launch("run"), w.launch("run")}
	events, err := golden.Events()
	if err != nil {
		t.Fatal(err)
	}
	placed := place(w, events)
	for len(events) > 0 {
		n := slices.IndexFunc(events, func(e golden.Event) bool { return e.Wave != events[0].Wave })
		if n < 0 {
			n = len(events)
		}
		w.publish(messages(events[:n]))
		w.awaitDone(60*time.Second, workers...)
		events = events[n:]
	}
	for _, p := range workers {
		if code := p.stop(20 * time.Second); code != 0 {
			t.Errorf("%s ended with %d", p.name, code)
		}
	}
	books, err := golden.Books()
	if err != nil {
		t.Fatal(err)
	}
	placed.move(t, books)
	compareTables(w, books)
	compareRewards(w, books)
	compareViews(w, books)
	w.recounted()
	w.judge(time.Time{})
	w.agrees()
}

func messages(events []golden.Event) []pipeline.Message {
	out := make([]pipeline.Message, len(events))
	for i, e := range events {
		out[i] = pipeline.Message{Topic: e.Topic, Key: e.Record.Key, Value: e.Record.Value}
		for _, h := range e.Record.Headers {
			out[i].Headers = append(out[i].Headers, pipeline.MessageHeader{Key: h.Key, Value: h.Value})
		}
	}
	return out
}

// places tells where each record of the case lies, by its place in a topic of
// one partition.
type places map[string]map[string][3]string // topic, offset: topic, partition, offset

// place counts through the partitions as Java's producer fills them.
func place(w *world, events []golden.Event) places {
	out := places{}
	ids := make([]int, w.partitions)
	for i := range ids {
		ids[i] = i
	}
	next := map[string]int{}
	balancer := kafka.Murmur2Balancer{Consistent: true}
	for _, e := range events {
		if out[e.Topic] == nil {
			out[e.Topic] = map[string][3]string{}
		}
		partition := balancer.Balance(kafka.Message{Key: e.Record.Key}, ids...)
		at := fmt.Sprintf("%s/%d", e.Topic, partition)
		out[e.Topic][strconv.FormatInt(e.Record.Offset, 10)] = [3]string{w.cluster.Names().Kafka(e.Topic), strconv.Itoa(partition), strconv.Itoa(next[at])}
		next[at]++
	}
	return out
}

// move puts the rows of the case where their records lie now.
func (p places) move(t *testing.T, books map[string][]golden.Row) {
	t.Helper()
	for _, rows := range books {
		for _, r := range rows {
			if r["topic"] == nil {
				continue
			}
			at, ok := p[r["topic"].(string)][r["offset"].(json.Number).String()]
			if !ok {
				t.Fatalf("the case has no event at %v/%v", r["topic"], r["offset"])
			}
			r["topic"], r["partition"], r["offset"] = at[0], at[1], at[2]
		}
	}
}

var position = []string{"topic", "partition", "offset"}

func compareTables(w *world, books map[string][]golden.Row) {
	w.t.Helper()
	stored := map[string]bool{}
	for _, table := range []string{"clicks", "conversions", "adjustments", "dead_letters", "waiting"} {
		got := positions(w.query("SELECT * FROM " + table))
		same(w.t, table, books[table], got, position)
		for _, r := range got {
			if table != "waiting" {
				stored[fmt.Sprint(r["topic"], r["partition"], r["offset"])] = true
			}
		}
	}
	for _, r := range books["redelivered"] {
		if stored[fmt.Sprint(r["topic"], r["partition"], r["offset"])] {
			w.t.Errorf("redelivered, but stored: %v", r)
		}
	}
	same(w.t, "attributions", books["attributions"], w.query("SELECT * FROM attributions"),
		[]string{"org_id", "program_id", "conversion_id", "model", "referrer_id"})
}

// nets are the rewards after everything: by id, but by tier and period for
// tiers, and by period for brackets, as the case has them.
const nets = `
	SELECT org_id AS org, program_id AS program, rule_id AS rule, reward, beneficiary_id AS beneficiary, beneficiary_role AS role,
		currency || unit AS unit, if(tier_id = '' AND rule_id != 'accelerator', id, '') AS reward_id, tier_id AS tier, period, sum(left) AS net
	FROM (
		SELECT org_id, program_id, rule_id, reward, beneficiary_id, beneficiary_role, currency, unit, reward_id AS id, tier_id, period,
			argMax(remaining_minor + remaining_quantity, sequence) AS left
		FROM rewards GROUP BY ALL
	)
	GROUP BY ALL HAVING net != 0`

func compareRewards(w *world, books map[string][]golden.Row) {
	w.t.Helper()
	want := slices.DeleteFunc(books["rewards"], func(r golden.Row) bool { return fmt.Sprint(r["net"]) == "0" })
	for _, r := range want {
		for _, column := range []string{"money", "kind", "constrained", "conversion_id", "conversion_time", "day", "may_wait"} {
			delete(r, column)
		}
	}
	same(w.t, "rewards", want, w.query(nets),
		[]string{"org", "program", "rule", "reward", "beneficiary", "role", "unit", "reward_id", "tier", "period"})
}

func compareViews(w *world, books map[string][]golden.Row) {
	w.t.Helper()
	for _, rows := range books {
		for _, r := range rows {
			for column, v := range r {
				r[column] = rounded(v)
			}
		}
	}
	// Day by day rewards are promised for per_conversion rules alone (contract
	// §9 (34)), so those of tiers and brackets are taken out before.
	daily := w.query("SELECT * FROM program_daily")
	takeOutTiers(w, daily, books["program_daily"])
	daily = slices.DeleteFunc(daily, func(r golden.Row) bool {
		return r["only_tiers"] != nil && !slices.ContainsFunc(books["program_daily"], func(want golden.Row) bool { return sameDay(r, want) })
	})
	same(w.t, "program_daily", books["program_daily"], daily, []string{"org_id", "program_id", "day"})
	// How many rewards brackets make is not promised (contract §9 (43)).
	for _, view := range []string{"program_totals", "referrer_totals"} {
		for _, r := range books[view] {
			if r["program_id"] == "partners" {
				r["rewards_earned"] = nil
			}
		}
	}
	same(w.t, "program_totals", books["program_totals"], w.query("SELECT * FROM program_totals"), []string{"org_id", "program_id"})
	same(w.t, "referrer_totals", books["referrer_totals"], w.query("SELECT * FROM referrer_totals"), []string{"org_id", "program_id", "referrer_id"})
	// A tier that was lost again may have been reached on one way and not on another.
	balances := slices.DeleteFunc(books["reward_balances"], func(r golden.Row) bool { return fmt.Sprint(r["net"]) == "0" })
	same(w.t, "reward_balances", balances,
		w.query("SELECT org_id, program_id, beneficiary_id, currency || unit AS currency, net FROM reward_balances WHERE net != 0"),
		[]string{"org_id", "program_id", "beneficiary_id", "currency"}, "exact")
}

func sameDay(a, b golden.Row) bool {
	return a["org_id"] == b["org_id"] && a["program_id"] == b["program_id"] && a["day"] == b["day"]
}

// takeOutTiers subtracts the rewards of tiers and brackets from the days, and
// compares no return on them.
func takeOutTiers(w *world, daily, want []golden.Row) {
	w.t.Helper()
	tiers := w.query(`
		SELECT org_id, program_id, day, countIf(left > 0) AS n, sumIf(left, currency != '') AS cost
		FROM (
			SELECT org_id, program_id, argMin(day, sequence) AS day, currency, reward_id, argMax(remaining_minor + remaining_quantity, sequence) AS left
			FROM rewards WHERE tier_id != '' OR rule_id = 'accelerator' GROUP BY org_id, program_id, currency, reward_id
		)
		GROUP BY ALL`)
	for _, r := range daily {
		for _, tier := range slices.DeleteFunc(slices.Clone(tiers), func(tier golden.Row) bool { return !sameDay(r, tier) }) {
			r["rewards_earned"] = number(r["rewards_earned"]) - number(tier["n"])
			r["reward_cost_minor"] = number(r["reward_cost_minor"]) - number(tier["cost"])
			if number(r["clicks"]) == 0 && number(r["conversions"]) == 0 && number(r["revenue_minor"]) == 0 {
				r["only_tiers"] = true
			}
			for _, wanted := range want {
				if sameDay(r, wanted) {
					wanted["roi"] = nil
				}
			}
		}
	}
}

func number(v any) int64 {
	n, err := strconv.ParseInt(strings.TrimSpace(fmt.Sprint(v)), 10, 64)
	if err != nil {
		panic(fmt.Sprintf("%v is no whole number", v))
	}
	return n
}
