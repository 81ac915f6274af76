package recount

import "github.com/grapevinehq/grapevine/internal/golden"

// leader is one referrer of a program.
type leader struct{ clicks, unique, ppm, revenue, rewards, cost int64 }

// none says that nothing is left of the referrer.
func (l *leader) none() bool {
	return l.clicks == 0 && l.ppm == 0 && l.revenue == 0 && l.rewards == 0 && l.cost == 0
}

func (b *Books) leaders() *group[leader] {
	var all group[leader]
	for _, r := range b.clicks {
		l := all.at(text(r["org_id"]), text(r["program_id"]), text(r["referrer_id"]))
		l.clicks++
		l.unique += flag(r["verdict"] == "unique")
	}
	credits := b.credits
	ordered(credits, func(r golden.Row) []int64 { return []int64{number(r["sequence"])} })
	latest := map[[4]string]golden.Row{}
	for _, r := range credits {
		if r["role"] == "referrer" {
			latest[[4]string{text(r["org_id"]), text(r["program_id"]), text(r["beneficiary_id"]), text(r["conversion_id"])}] = r
		}
	}
	for of, r := range latest {
		l := all.at(of[0], of[1], of[2])
		l.ppm += number(r["credit_ppm"]) * number(r["counts"])
		l.revenue += number(r["credited_minor"])
	}
	for _, r := range b.rewards {
		if r.role == "referee" {
			continue
		}
		l := all.at(r.org, r.program, r.beneficiary)
		l.rewards += flag(r.net > 0)
		if r.currency != "" {
			l.cost += r.net
		}
	}
	return &all
}

func (b *Books) referrers() []golden.Row {
	return b.leaders().rows("referrer_totals", func(_ []string, l *leader) golden.Row {
		if l.none() {
			return nil
		}
		return golden.Row{
			"clicks": l.clicks, "unique_clicks": l.unique, "conversions": float64(l.ppm) / 1e6, "revenue_minor": l.revenue,
			"rewards_earned": l.rewards, "reward_cost_minor": l.cost,
		}
	})
}

func (b *Books) balances() []golden.Row {
	type balance struct{ earned, pending, approved, net, held, fulfilled int64 }
	var all group[balance]
	known := map[[3]string]*reward{}
	for _, r := range b.rewards {
		known[[3]string{r.org, r.program, r.id}] = r
		of := all.at(r.org, r.program, r.beneficiary, r.currency, r.unit)
		of.earned += r.earned
		of.net += r.net
		of.held += r.held
		of.pending += r.net * flag(r.status == "pending")
		of.approved += r.net * flag(r.status == "approved")
	}
	for _, f := range b.fulfillments {
		org, program, to, currency, unit := text(f["org_id"]), text(f["program_id"]), text(f["beneficiary_id"]), text(f["currency"]), text(f["unit"])
		if r := known[[3]string{org, program, text(f["reward_id"])}]; r != nil {
			to, currency, unit = r.beneficiary, r.currency, r.unit
		}
		if to != "" {
			all.at(org, program, to, currency, unit).fulfilled += number(f["n"])
		}
	}
	return all.rows("reward_balances", func(_ []string, of *balance) golden.Row {
		return golden.Row{
			"earned": of.earned, "pending": of.pending, "approved": of.approved, "reversed": of.earned - of.net, "fulfilled": of.fulfilled,
			"net": of.net, "held": of.held, "overpaid": max(of.fulfilled-of.net, 0),
		}
	})
}
