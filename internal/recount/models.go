package recount

import (
	"math/big"
	"slices"

	"github.com/grapevinehq/grapevine/internal/golden"
)

// models splits what is left of each conversion by the credits of every model.
func (b *Books) models() []golden.Row {
	standing := map[[3]string]*conversion{}
	for _, c := range b.conversions {
		standing[[3]string{c.org, c.program, c.id}] = c
	}
	type credits struct{ rows []golden.Row }
	var of group[credits]
	for _, r := range b.attributions {
		c := of.at(text(r["org_id"]), text(r["program_id"]), text(r["conversion_id"]), text(r["model"]))
		c.rows = append(c.rows, r)
	}
	type credited struct{ ppm, revenue, paidPPM, paid int64 }
	var all group[credited]
	for key, c := range of.of {
		words := of.words[key]
		conversion := standing[[3]string{words[0], words[1], words[2]}]
		ordered(c.rows, func(r golden.Row) []int64 { return []int64{number(r["place"])} })
		shares := make([]int64, len(c.rows))
		for i, r := range c.rows {
			shares[i] = number(r["credit_ppm"])
		}
		for i, part := range split(conversion.net, shares) {
			r := c.rows[i]
			to := all.at(words[0], words[1], conversion.day, words[3], text(r["referrer_id"]))
			ppm := shares[i] * flag(conversion.counts)
			to.ppm += ppm
			to.revenue += part
			to.paidPPM += ppm * number(r["paying"])
			to.paid += part * number(r["paying"])
		}
	}
	return all.rows("model_comparison", func(_ []string, c *credited) golden.Row {
		if c.ppm == 0 && c.revenue == 0 {
			return nil
		}
		return golden.Row{
			"conversions": float64(c.ppm) / 1e6, "revenue_minor": c.revenue,
			"paid_conversions": float64(c.paidPPM) / 1e6, "paid_revenue_minor": c.paid,
		}
	})
}

// split gives each share its part per million of an amount: floors, and the rest to
// the largest fractions, of equal ones to the earlier.
func split(amount int64, shares []int64) []int64 {
	parts, fractions, order := make([]int64, len(shares)), make([]int64, len(shares)), make([]int, len(shares))
	left := amount
	for i, s := range shares {
		whole, fraction := new(big.Int).QuoRem(new(big.Int).Mul(big.NewInt(amount), big.NewInt(s)), big.NewInt(1_000_000), new(big.Int))
		parts[i], fractions[i], order[i] = whole.Int64(), fraction.Int64(), i
		left -= parts[i]
	}
	slices.SortStableFunc(order, func(a, b int) int { return int(fractions[b] - fractions[a]) })
	for _, i := range order[:left] {
		parts[i]++
	}
	return parts
}

// segments adds up what those who are in one now brought as referrers.
func (b *Books) segments() []golden.Row {
	ordered(b.passages, func(r golden.Row) []int64 { return []int64{number(r["sequence"])} })
	type segment struct{ members map[string]bool }
	var inside group[segment]
	for _, p := range b.passages {
		s := inside.at(text(p["org_id"]), text(p["segment_id"]))
		if s.members == nil {
			s.members = map[string]bool{}
		}
		s.members[text(p["member_id"])] = p["event_type"] == "entered"
	}
	type sums struct {
		leader
		members, referrers int64
	}
	var all group[sums]
	leaders := b.leaders()
	for key, l := range leaders.of {
		words := leaders.words[key]
		for key, s := range inside.of {
			if l.none() || inside.words[key][0] != words[0] || !s.members[words[2]] {
				continue
			}
			to := all.at(words[0], words[1], inside.words[key][1])
			to.members = 0
			for _, in := range s.members {
				to.members += flag(in)
			}
			to.referrers++
			to.clicks += l.clicks
			to.unique += l.unique
			to.ppm += l.ppm
			to.revenue += l.revenue
			to.rewards += l.rewards
			to.cost += l.cost
		}
	}
	return all.rows("segment_performance", func(_ []string, s *sums) golden.Row {
		return golden.Row{
			"members": s.members, "referrers": s.referrers, "clicks": s.clicks, "unique_clicks": s.unique, "conversions": float64(s.ppm) / 1e6,
			"revenue_minor": s.revenue, "rewards_earned": s.rewards, "reward_cost_minor": s.cost,
			"conversion_rate": ratio(float64(s.ppm)/1e6, float64(s.unique)),
		}
	})
}
