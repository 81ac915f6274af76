package recount

import (
	"math/big"
	"time"

	"github.com/grapevinehq/grapevine/internal/golden"
)

// figures of a program, a day or an hour of it.
type figures struct {
	verdicts                map[string]int64
	clicks                  int64
	visitors                map[[2]string]bool
	kinds                   map[string]int64 // attributed conversions that count
	customers               map[string]bool  // of these
	conversions, attributed int64
	revenue, attributedNet  int64
	earned                  big.Rat // attributed revenue x margin
	margins, noMargin       bool
	rewards, cost           int64
	currency, currencyDay   string
}

func (f *figures) click(r golden.Row) {
	if f.verdicts == nil {
		f.verdicts, f.visitors = map[string]int64{}, map[[2]string]bool{}
	}
	f.clicks++
	f.verdicts[text(r["verdict"])]++
	if r["verdict"] == "unique" {
		f.visitors[[2]string{text(r["visitor_id"]), text(r["actor_hash"])}] = true
	}
	f.money(text(r["currency"]), text(r["day"]))
}

func (f *figures) conversion(c *conversion) {
	f.money(c.currency, c.day)
	f.revenue += c.net
	f.conversions += flag(c.counts)
	f.margins = f.margins || c.margin != nil
	if !c.attributed {
		return
	}
	f.attributed += flag(c.counts)
	f.attributedNet += c.net
	f.noMargin = f.noMargin || c.margin == nil
	if c.margin != nil {
		m := new(big.Rat).SetFloat64(*c.margin)
		f.earned.Add(&f.earned, m.Mul(m, new(big.Rat).SetInt64(c.net)))
	}
	if c.counts {
		if f.kinds == nil {
			f.kinds, f.customers = map[string]int64{}, map[string]bool{}
		}
		f.kinds[c.kind]++
		f.customers[c.customer] = true
	}
}

func (f *figures) reward(r *reward) {
	f.rewards += flag(r.net > 0)
	if r.currency != "" {
		f.cost += r.net
	}
}

// money keeps the currency of the newest day, and of one day the last by name.
func (f *figures) money(currency, day string) {
	if currency != "" && (day > f.currencyDay || day == f.currencyDay && currency > f.currency) {
		f.currency, f.currencyDay = currency, day
	}
}

// row is what hours, days and programs have in common; nil when nothing is left.
func (f *figures) row() golden.Row {
	if f.clicks == 0 && f.conversions == 0 && f.revenue == 0 && f.rewards == 0 && f.cost == 0 {
		return nil
	}
	return golden.Row{
		"clicks": f.clicks, "unique_clicks": f.verdicts["unique"], "duplicate_clicks": f.verdicts["duplicate"], "bot_clicks": f.verdicts["bot"],
		"conversions": f.conversions, "attributed_conversions": f.attributed, "revenue_minor": f.revenue, "attributed_revenue_minor": f.attributedNet,
		"currency": f.currency,
	}
}

func (b *Books) programHourly() []golden.Row {
	var hours group[figures]
	hour := func(ms any) string {
		return time.UnixMilli(number(ms)).UTC().Truncate(time.Hour).Format("2006-01-02 15:04")
	}
	for _, r := range b.clicks {
		f := hours.at(text(r["org_id"]), text(r["program_id"]), hour(r["at"]))
		f.click(r)
	}
	for _, c := range b.conversions {
		hours.at(c.org, c.program, hour(c.at)).conversion(c)
	}
	return hours.rows("program_hourly", func(_ []string, f *figures) golden.Row {
		r := f.row()
		delete(r, "currency") // of an hour with two it is the last by name, whatever their days
		return r
	})
}

// programs are program_daily, or without the days program_totals.
func (b *Books) programs(daily bool) []golden.Row {
	view := map[bool]string{true: "program_daily", false: "program_totals"}[daily]
	return b.figures(daily).rows(view, func(_ []string, f *figures) golden.Row {
		r := f.row()
		if r == nil {
			return nil
		}
		r["visitors"], r["rewards_earned"], r["reward_cost_minor"] = int64(len(f.visitors)), f.rewards, f.cost
		r["conversion_rate"] = ratio(float64(f.attributed), float64(f.verdicts["unique"]))
		if f.cost != 0 && f.margins && !f.noMargin {
			earned, _ := f.earned.Float64()
			r["roi"] = (earned - float64(f.cost)) / float64(f.cost)
		}
		return r
	})
}

func (b *Books) figures(daily bool) *group[figures] {
	var all group[figures]
	at := func(org, program, day string) *figures {
		if !daily {
			return all.at(org, program)
		}
		return all.at(org, program, day)
	}
	for _, r := range b.clicks {
		at(text(r["org_id"]), text(r["program_id"]), text(r["day"])).click(r)
	}
	for _, c := range b.conversions {
		at(c.org, c.program, c.day).conversion(c)
	}
	for _, r := range b.rewards {
		at(r.org, r.program, r.day).reward(r)
	}
	return &all
}

func (b *Books) funnel() []golden.Row {
	return b.figures(true).rows("funnel_daily", func(_ []string, f *figures) golden.Row {
		if f.clicks == 0 && f.rewards == 0 && f.attributed == 0 {
			return nil
		}
		visitors := float64(len(f.visitors))
		return golden.Row{
			"clicks": f.clicks, "unique_clicks": f.verdicts["unique"], "visitors": int64(visitors),
			"leads": f.kinds["lead"], "signups": f.kinds["signup"], "sales": f.kinds["sale"], "renewals": f.kinds["renewal"], "customs": f.kinds["custom"],
			"customers": len(f.customers), "rewards_earned": f.rewards,
			"unique_rate": ratio(float64(f.verdicts["unique"]), float64(f.clicks)), "lead_rate": ratio(float64(f.kinds["lead"]), visitors),
			"signup_rate": ratio(float64(f.kinds["signup"]), visitors), "sale_rate": ratio(float64(f.kinds["sale"]), visitors),
		}
	})
}

func (b *Books) quality() []golden.Row {
	type quality struct {
		figures
		reasons map[string]int64
	}
	var all group[quality]
	for _, r := range b.clicks {
		q := all.at(text(r["org_id"]), text(r["program_id"]), text(r["day"]), text(r["channel"]))
		q.click(r)
		if r["verdict"] == "bot" {
			if q.reasons == nil {
				q.reasons = map[string]int64{}
			}
			q.reasons[text(r["reason"])]++
		}
	}
	return all.rows("click_quality", func(_ []string, q *quality) golden.Row {
		of := func(verdict string) float64 { return float64(q.verdicts[verdict]) / float64(q.clicks) }
		r := golden.Row{
			"clicks": q.clicks, "unique_share": of("unique"), "duplicate_share": of("duplicate"), "bot_share": of("bot"), "bot_reasons": map[string]int64{},
		}
		if q.reasons != nil {
			r["bot_reasons"] = q.reasons
		}
		for _, verdict := range []string{"unique", "duplicate", "bot", "inactive", "banned"} {
			r[verdict+"_clicks"] = q.verdicts[verdict]
		}
		return r
	})
}
