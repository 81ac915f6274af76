package e2e

import (
	"cmp"
	"fmt"
	"math/big"
	"slices"
	"strings"
	"time"

	"github.com/grapevinehq/grapevine/internal/golden"
)

// recount works out what the rules of the example give, from the conversions,
// adjustments and attributions in the books, by the contract alone.
type recount struct {
	x           *example
	conversions map[string]*counted // by org, program and conversion
	want        map[string]int64    // by reward id: of per_conversion rules without brackets
	tiers       map[string]int64    // by org, program, rule, tier, reward and member
	brackets    map[string]int64    // by org, member and period
	credits     map[string]int64    // ppm that count, by org, program and referrer
	revenue     map[string]int64    // credited net, likewise
}

// counted is a conversion with what became of it.
type counted struct {
	org, program, id, customer, kind string
	at                               int64 // ms
	decided, net                     int64
	attributed, counts, first        bool
	shares                           []share
}

type share struct {
	referrer string
	ppm      int64
	first    int64 // time of the first touch
	amount   int64 // of the net
}

func (w *world) recount(x *example) *recount {
	w.t.Helper()
	r := &recount{x: x, conversions: map[string]*counted{}, want: map[string]int64{}, tiers: map[string]int64{}, brackets: map[string]int64{}, credits: map[string]int64{}, revenue: map[string]int64{}}
	r.read(w)
	sums, points, turnover := map[string]int64{}, map[string]int64{}, map[string]int64{}
	for _, c := range r.conversions {
		if !c.counts || !c.attributed {
			continue
		}
		for _, s := range c.shares {
			r.credits[keyed(c.org, c.program, s.referrer)] += s.ppm
			r.revenue[keyed(c.org, c.program, s.referrer)] += s.amount
			if c.program != "partners" && c.kind == "sale" && c.decided >= 1000 {
				sums[keyed(c.org, c.program, s.referrer)] += s.ppm
			}
			if c.program == "partners" {
				month := time.UnixMilli(c.at).UTC().Format("2006-01")
				points[keyed(c.org, s.referrer, month)] += s.ppm * map[string]int64{"lead": 1, "signup": 5, "sale": 20}[c.kind]
				if c.kind == "sale" && c.decided >= 500 && s.referrer != exampleMember(4) {
					turnover[keyed(c.org, s.referrer, quarter(c.at))] += s.amount
				}
			}
		}
		r.perConversion(c)
	}
	for key, ppm := range sums {
		r.milestones(key, ppm)
	}
	for key, ppm := range points {
		parts := strings.Split(key, "|")
		for tier, amount := range map[string][2]int64{"m100": {100, 20000}, "m500": {500, 150000}} {
			if ppm >= amount[0]*1_000_000 {
				r.tiers[keyed(parts[0], "partners", "pipeline", tier, "bonus", parts[1], parts[2])] = amount[1]
			}
		}
	}
	for key, minor := range turnover {
		if total := bracketed(minor); total > 0 {
			r.brackets[key] = total
		}
	}
	return r
}

func keyed(parts ...string) string { return strings.Join(parts, "|") }

func quarter(ms int64) string {
	at := time.UnixMilli(ms).UTC()
	return fmt.Sprintf("%d-Q%d", at.Year(), (at.Month()+2)/3)
}

// read takes the conversions as they stand, in the order of their partitions.
func (r *recount) read(w *world) {
	var order []*counted
	firsts := map[string][]*counted{}
	changes := map[string][]golden.Row{}
	for _, row := range w.query("SELECT org_id, program_id, conversion_id, amount_minor, counts_after, kafka_offset FROM adjustments ORDER BY kafka_offset") {
		key := keyed(text(row, "org_id"), text(row, "program_id"), text(row, "conversion_id"))
		changes[key] = append(changes[key], row)
	}
	for _, row := range w.query("SELECT *, toUnixTimestamp64Milli(time) AS ms FROM conversions ORDER BY kafka_partition, kafka_offset") {
		verdict := text(row, "verdict")
		if verdict != "attributed" && verdict != "unattributed" {
			continue
		}
		c := &counted{
			org: text(row, "org_id"), program: text(row, "program_id"), id: text(row, "conversion_id"), customer: text(row, "customer_id"), kind: text(row, "kind"),
			at: number(row["ms"]), decided: number(row["amount_minor"]), net: number(row["amount_minor"]), attributed: verdict == "attributed", counts: true,
		}
		key := keyed(c.org, c.program, c.id)
		r.conversions[key] = c
		order = append(order, c)
		c.first = true
		if c.kind == "signup" || c.kind == "sale" {
			same := keyed(c.org, c.program, c.customer)
			for _, before := range firsts[same] {
				c.first = c.first && !countedAt(changes[keyed(before.org, before.program, before.id)], number(row["kafka_offset"]))
			}
			firsts[same] = append(firsts[same], c)
		}
		for _, change := range changes[key] {
			c.net += number(change["amount_minor"])
			c.counts = number(change["counts_after"]) == 1
		}
	}
	for _, row := range w.query("SELECT org_id, program_id, conversion_id, referrer_id, credit_ppm, toUnixTimestamp64Milli(first_touch_at) AS touched FROM attributions WHERE paying = 1") {
		c := r.conversions[keyed(text(row, "org_id"), text(row, "program_id"), text(row, "conversion_id"))]
		c.shares = append(c.shares, share{referrer: text(row, "referrer_id"), ppm: number(row["credit_ppm"]), first: number(row["touched"])})
	}
	for _, c := range order {
		for i, amount := range split(c.net, c.shares) {
			c.shares[i].amount = amount
		}
	}
}

// countedAt tells whether a conversion counted when an offset was decided.
func countedAt(changes []golden.Row, offset int64) bool {
	counts := true
	for _, change := range changes {
		if number(change["kafka_offset"]) < offset {
			counts = number(change["counts_after"]) == 1
		}
	}
	return counts
}

func text(row golden.Row, column string) string { return fmt.Sprint(row[column]) }

// split shares an amount by credits: floors, and what is left by largest
// remainder, ties to the earlier touch.
func split(amount int64, shares []share) []int64 {
	out, rest := make([]int64, len(shares)), make([]int64, len(shares))
	left, order := amount, make([]int, len(shares))
	for i, s := range shares {
		exact := new(big.Int).Mul(big.NewInt(amount), big.NewInt(s.ppm))
		floor, remainder := new(big.Int).QuoRem(exact, big.NewInt(1_000_000), new(big.Int))
		out[i], rest[i], order[i] = floor.Int64(), remainder.Int64(), i
		left -= out[i]
	}
	slices.SortFunc(order, func(a, b int) int {
		return cmp.Or(cmp.Compare(rest[b], rest[a]), cmp.Compare(shares[a].first, shares[b].first))
	})
	for i := range min(int(left), len(order)) {
		out[order[i]]++
	}
	return out
}

// perConversion adds give-and-get and commission.
func (r *recount) perConversion(c *counted) {
	give := func(rule, reward, to string, amount int64) {
		if amount > 0 {
			r.want[named(c.org, c.program, rule, reward, c.id, to)] = amount
		}
	}
	switch {
	case c.program == "us-store" && (c.kind == "signup" || c.kind == "sale") && c.first:
		get, referee := r.flat(c.at)
		for i, amount := range split(get, c.shares) {
			give("give-and-get", "get", c.shares[i].referrer, amount)
		}
		give("give-and-get", "give", c.customer, referee)
	case c.program == "eu-store" && c.kind == "sale":
		for _, s := range c.shares {
			if s.referrer != exampleMember(3) {
				give("commission", "share", s.referrer, min(5000, halfUp(new(big.Rat).SetFrac64(s.amount*500, 10_000))))
			}
		}
	}
}

// flat are the amounts of give-and-get by the version of a time.
func (r *recount) flat(ms int64) (get, give int64) {
	switch at := time.UnixMilli(ms); {
	case !at.Before(r.x.later):
		return 1700, 1200
	case !at.Before(r.x.november):
		return 1500, 1000
	}
	return 1000, 500
}

func halfUp(r *big.Rat) int64 {
	twice := new(big.Int).Add(new(big.Int).Lsh(r.Num(), 1), r.Denom())
	return new(big.Int).Div(twice, new(big.Int).Lsh(r.Denom(), 1)).Int64()
}

// bracketed is what the accelerator pays on a quarter's revenue.
func bracketed(minor int64) int64 {
	total := new(big.Rat)
	for i, b := range [][2]int64{{0, 800}, {1_000_000, 1200}, {5_000_000, 1500}} {
		upper := []int64{1_000_000, 5_000_000, 1 << 62}[i]
		if part := min(minor, upper) - b[0]; part > 0 {
			total.Add(total, big.NewRat(part*b[1], 10_000))
		}
	}
	return halfUp(total)
}

func (r *recount) milestones(key string, ppm int64) {
	parts := strings.Split(key, "|")
	tier := func(id, reward string, n int64) {
		r.tiers[keyed(parts[0], parts[1], "milestones", id, reward, parts[2], "lifetime")] = n
	}
	if ppm >= 3_000_000 {
		tier("bronze", "pts", 500)
	}
	if ppm >= 5_000_000 {
		tier("silver", "card", 2500)
	}
	for n := int64(0); ppm >= (10+5*n)*1_000_000; n++ {
		id := "gold"
		if n > 0 {
			id = fmt.Sprint("gold+", n)
		}
		tier(id, "cash", 10000)
		tier(id, "perk", 1)
	}
}

// compare holds the rewards against what the rules give: released and held add up
// to that, and what a person took back is nothing.
func (r *recount) compare(w *world, rewards map[string]*standing) {
	w.t.Helper()
	tiers, brackets := map[string]int64{}, map[string]int64{}
	for id, s := range rewards {
		d := &s.last.Data
		switch all := s.net + s.held; {
		case d.TierID != "":
			tiers[keyed(s.last.Orgid, s.last.Programid, d.RuleID, d.TierID, d.Reward, d.BeneficiaryID, d.Period)] += all
		case d.RuleID == "accelerator":
			brackets[keyed(s.last.Orgid, d.BeneficiaryID, d.Period)] += all
		case d.RuleID == "vip-thanks":
			if all != 5000 && !s.ended {
				w.t.Errorf("a grant of %s in %s is worth %d", d.BeneficiaryID, s.last.Orgid, all)
			}
		case s.ended && all == 0:
		case all != r.want[id]:
			w.t.Errorf("%s %s of %s for %s: %d released and %d held, but the rules give %d", s.last.Orgid, d.RuleID, d.BeneficiaryID, d.ConversionID, s.net, s.held, r.want[id])
		}
	}
	for id, amount := range r.want {
		if rewards[id] == nil {
			w.t.Errorf("reward %s over %d was never told of", id, amount)
		}
	}
	sameSums(w, "tiers", r.tiers, tiers)
	sameSums(w, "brackets", r.brackets, brackets)
}

func sameSums(w *world, what string, want, got map[string]int64) {
	w.t.Helper()
	for key, n := range want {
		if got[key] != n {
			w.t.Errorf("%s: %s is %d, not %d", what, key, got[key], n)
		}
	}
	for key, n := range got {
		if n != 0 && want[key] == 0 {
			w.t.Errorf("%s: %s is %d, not nothing", what, key, n)
		}
	}
}
