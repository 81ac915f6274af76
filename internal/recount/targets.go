package recount

import (
	"fmt"
	"strings"
	"time"

	"github.com/grapevinehq/grapevine/internal/golden"
)

// newest are the rows of the last time of each group, without those that only say
// that it was there.
func newest(rows []golden.Row, id string, by ...string) (list []golden.Row) {
	type taken struct{ at int64 }
	var last group[taken]
	of := func(r golden.Row) *taken {
		words := make([]string, len(by))
		for i, column := range by {
			words[i] = text(r[column])
		}
		return last.at(words...)
	}
	for _, r := range rows {
		of(r).at = max(of(r).at, number(r["taken"]))
	}
	for _, r := range rows {
		if number(r["taken"]) == of(r).at && r[id] != "" {
			list = append(list, r)
		}
	}
	return list
}

func (b *Books) goals() (rows []golden.Row) {
	for _, g := range newest(b.goalRows, "goal_id", "org_id", "program_id") {
		points := map[string]int64{}
		for _, p := range strings.Fields(text(g["points"])) {
			of, n, _ := strings.Cut(p, "=")
			points[of] = number(n)
		}
		var value int64
		for _, c := range b.conversions {
			if c.org != g["org_id"] || c.program != g["program_id"] || !c.attributed || !c.counts || c.at < number(g["first"]) || c.at >= number(g["until"]) {
				continue
			}
			switch g["metric"] {
			case "conversions":
				value++
			case "revenue":
				value += c.net
			default:
				value += points[c.version+"/"+c.kind]
			}
		}
		rows = append(rows, golden.Row{
			"org_id": g["org_id"], "program_id": g["program_id"], "goal_id": g["goal_id"], "metric": g["metric"], "target": g["target"],
			"value": value, "share": float64(value) / float64(number(g["target"])),
		})
	}
	return rows
}

func (b *Books) budgets() []golden.Row {
	type usage struct {
		used, rewards, waiting int64
		held                   map[string]int64
		day                    time.Time
	}
	configured := map[[2]string]golden.Row{}
	var all group[usage]
	for _, r := range newest(b.budgetRows, "budget_id", "org_id") {
		configured[[2]string{text(r["org_id"]), text(r["budget_id"])}] = r
		period := periodOf(text(r["period_kind"]), b.now)
		all.at(text(r["org_id"]), text(r["budget_id"]), period, text(r["currency"])).day = b.now
	}
	for _, r := range b.rewards {
		if r.budget == "" || r.currency == "" {
			continue
		}
		now := configured[[2]string{r.org, r.budget}]
		at := time.UnixMilli(r.at).UTC()
		period, currency := r.drawnPeriod, r.drawnCurrency
		if period == "" {
			period = "lifetime"
			if now != nil {
				period = periodOf(text(now["period_kind"]), at)
			}
		}
		if currency == "" && now != nil {
			currency = text(now["currency"])
		}
		u := all.at(r.org, r.budget, period, currency)
		u.day = at
		u.used += r.drawn
		u.rewards += flag(r.drawn > 0)
		u.waiting += flag(r.held > 0)
		if r.held > 0 {
			if u.held == nil {
				u.held = map[string]int64{}
			}
			u.held[r.currency] += r.held
		}
	}
	return all.rows("budget_usage", func(words []string, u *usage) golden.Row {
		row := golden.Row{"used_minor": u.used, "limit_minor": int64(0), "team": "", "rewards": u.rewards, "held_rewards": u.waiting, "held": map[string]int64{}}
		if u.held != nil {
			row["held"] = u.held
		}
		if now := configured[[2]string{words[0], words[1]}]; now != nil {
			row["team"] = now["team"]
			if now["currency"] == words[3] && periodOf(text(now["period_kind"]), u.day) == words[2] {
				row["limit_minor"] = number(now["limit_minor"])
			}
		}
		row["left_minor"] = row["limit_minor"].(int64) - u.used
		row["starts_on"], row["ends_on"] = days(words[2], u.day)
		return row
	})
}

// periodOf names the period of a kind that a time is in.
func periodOf(kind string, at time.Time) string {
	switch kind {
	case "year":
		return at.Format("2006")
	case "quarter":
		return fmt.Sprintf("%d-Q%d", at.Year(), (at.Month()+2)/3)
	case "month":
		return at.Format("2006-01")
	case "week":
		year, week := at.ISOWeek()
		return fmt.Sprintf("%d-W%02d", year, week)
	}
	return "lifetime"
}

// days are the first day of a period that a time is in, and the first after it: as far
// back and forth as its name is the same.
func days(period string, at time.Time) (from, to any) {
	if period == "lifetime" {
		return nil, nil
	}
	for _, kind := range []string{"year", "quarter", "month", "week"} {
		if periodOf(kind, at) != period {
			continue
		}
		first, after := at, at
		for periodOf(kind, first.AddDate(0, 0, -1)) == period {
			first = first.AddDate(0, 0, -1)
		}
		for periodOf(kind, after) == period {
			after = after.AddDate(0, 0, 1)
		}
		return first.Format(time.DateOnly), after.Format(time.DateOnly)
	}
	panic(period + " is no period of " + at.String())
}
