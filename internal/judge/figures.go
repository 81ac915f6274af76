package judge

import (
	"cmp"
	"fmt"
	"math"
	"strings"
	"time"
)

// compareViews compares the views that sum up a program, a day, a referrer and a
// member's rewards with what is known by now.
func (t *trial) compareViews() error {
	for _, c := range t.all {
		t.views.conversion(c)
	}
	for _, s := range t.rewards {
		if s.first != nil {
			t.views.reward(s)
		}
	}
	for _, v := range []struct {
		name string
		of   map[subject]*figures
		key  string
		row  func(*figures) Row
	}{
		{"program_daily", t.views.days, "day", (*figures).program},
		{"program_hourly", t.views.hours, "hour", (*figures).hourly},
		{"program_totals", t.views.totals, "", (*figures).program},
		{"referrer_totals", t.views.referrers, "referrer_id", (*figures).referrer},
	} {
		if err := t.compareView(v.name, v.of, v.key, v.row); err != nil {
			return err
		}
	}
	return t.compareBalances()
}

// program is a row of program_daily and program_totals.
func (f *figures) program() Row {
	row := f.hourly()
	row["visitors"], row["rewards_earned"], row["reward_cost_minor"] = f.visitors, f.rewards, f.cost
	row["conversion_rate"], row["roi"] = nil, nil
	if f.unique != 0 {
		row["conversion_rate"] = float64(f.attributed) / float64(f.unique)
	}
	if f.cost != 0 && f.margins && !f.noMargin {
		earned := 0.0
		if f.earned != nil {
			earned, _ = f.earned.Float64()
		}
		row["roi"] = (earned - float64(f.cost)) / float64(f.cost)
	}
	return row
}

func (f *figures) hourly() Row {
	return Row{
		"clicks": f.clicks, "unique_clicks": f.unique, "duplicate_clicks": f.duplicate, "bot_clicks": f.bot, "conversions": f.conversions,
		"attributed_conversions": f.attributed, "revenue_minor": f.revenue, "attributed_revenue_minor": f.attributedRevenue, "currency": f.currency,
	}
}

func (f *figures) referrer() Row {
	return Row{
		"clicks": f.clicks, "unique_clicks": f.unique, "conversions": float64(f.ppm) / whole, "revenue_minor": f.revenue, "rewards_earned": f.rewards,
		"reward_cost_minor": f.cost,
	}
}

// nothing tells figures of which nothing is left: they make no row.
func (f *figures) nothing() bool {
	return f.clicks|f.conversions|f.revenue|f.ppm|f.rewards|f.cost == 0
}

func (t *trial) compareView(view string, of map[subject]*figures, key string, row func(*figures) Row) error {
	seen := map[subject]bool{}
	for got, err := range t.rows(view) {
		if err != nil {
			return err
		}
		s := subject{got.text("org_id"), got.text("program_id"), ""}
		if key != "" {
			s.of = got.text(key)
		}
		if hour, ok := got[key].(int64); ok {
			s.of = time.UnixMilli(hour).UTC().Format(time.RFC3339Nano)
		}
		f := of[s]
		name := strings.Join([]string{s.org, s.program, s.of}, "/")
		if f == nil || seen[s] {
			t.differ(view, name, "no row, or one", got.String())
			continue
		}
		seen[s] = true
		t.compareFigures(view, name, row(f), got)
	}
	for s, f := range of {
		if !seen[s] && !f.nothing() {
			t.differ(view, strings.Join([]string{s.org, s.program, s.of}, "/"), row(f), "no row")
		}
	}
	return nil
}

// compareFigures compares figures; fractions to the precision of their type.
func (t *trial) compareFigures(view, name string, want, got Row) {
	for column, w := range want {
		g := got[column]
		if wf, ok := w.(float64); ok {
			if gf, ok := g.(float64); ok && math.Abs(wf-gf) <= 1e-9*max(1, math.Abs(wf)) {
				continue
			}
		} else if fmt.Sprint(w) == fmt.Sprint(g) {
			continue
		}
		if column == "currency" && got.number("clicks")+got.number("conversions") == 0 {
			continue // a row of rewards alone has none
		}
		t.differ(view, name+" "+column, w, g)
	}
}

// balance is a member's in one currency or unit.
type balance struct{ earned, pending, approved, net, held, fulfilled int64 }

func (b *balance) row() Row {
	return Row{
		"earned": b.earned, "pending": b.pending, "approved": b.approved, "reversed": b.earned - b.net, "fulfilled": b.fulfilled, "net": b.net, "held": b.held,
		"overpaid": max(b.fulfilled-b.net, 0),
	}
}

// account is what a balance is of.
type account struct{ org, program, beneficiary, currency, unit string }

func (t *trial) balances() map[account]*balance {
	all := map[account]*balance{}
	for _, s := range t.rewards {
		if s.first == nil {
			continue
		}
		d := &s.first.data
		key := account{s.first.org, s.first.program, d.BeneficiaryID, d.Currency, d.Unit}
		b := all[key]
		if b == nil {
			b = &balance{}
			all[key] = b
		}
		b.earned, b.net, b.held, b.fulfilled = b.earned+s.earned, b.net+s.net, b.held+s.held, b.fulfilled+s.fulfilled
		switch s.last.data.Status {
		case "pending":
			b.pending += s.net
		case "approved":
			b.approved += s.net
		}
	}
	return all
}

// compareBalances compares reward_balances with the rewards as they stand.
func (t *trial) compareBalances() error {
	all := t.balances()
	for row, err := range t.rows("reward_balances") {
		if err != nil {
			return err
		}
		key := account{row.text("org_id"), row.text("program_id"), row.text("beneficiary_id"), row.text("currency"), row.text("unit")}
		name := strings.Join([]string{key.org, key.program, key.beneficiary, cmp.Or(key.currency, key.unit)}, "/")
		b := all[key]
		if b == nil {
			t.differ("reward_balances", name, "no row, or one", row.String())
			continue
		}
		delete(all, key)
		t.compareFigures("reward_balances", name, b.row(), row)
	}
	for key, b := range all {
		t.differ("reward_balances", fmt.Sprint(key), *b, "no row")
	}
	return nil
}
