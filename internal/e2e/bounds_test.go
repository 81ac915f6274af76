package e2e

import (
	"cmp"
	"fmt"
	"math/big"
	"slices"
	"strings"
	"time"
)

// bounds follows the limits and budgets of the example through the events of
// rewards: what stands in each, and that it never exceeds what it may.
type bounds struct {
	w       *world
	x       *example
	ordered bool             // the events are in one order: then budgets are looked at after each
	raised  int64            // the time from which the raised ones hold
	zone    *time.Location   // of us-store
	used    map[string]int64 // by budget and period
	of      map[string]int64 // what a reward has of its budget
	groups  map[string][]*standing
	worst   map[string]int64
}

func (w *world) bounds(x *example, ordered bool, raised time.Time) *bounds {
	zone, err := time.LoadLocation("America/New_York")
	if err != nil {
		w.t.Fatal(err)
	}
	return &bounds{w: w, x: x, ordered: ordered, raised: raised.UnixMilli(), zone: zone,
		used: map[string]int64{}, of: map[string]int64{}, groups: map[string][]*standing{}, worst: map[string]int64{}}
}

// after takes one event.
func (b *bounds) after(e *toldReward, rewards map[string]*standing) {
	b.w.t.Helper()
	s := rewards[e.Data.RewardID]
	rises := e.kind == "earned" || e.kind == "increased"
	if group := b.group(s); group != "" {
		if e.sequence == 1 {
			b.groups[group] = append(b.groups[group], s)
		}
		if rises && !b.within(s, 0) {
			b.w.t.Errorf("%s exceeds the limit of %s", e.ID, group)
		}
	}
	account, limit := b.account(s)
	if account == "" {
		return
	}
	now := b.drawn(s, s.net)
	b.used[account] += now - b.of[e.Data.RewardID]
	b.of[e.Data.RewardID] = now
	b.worst[account] = max(b.worst[account], b.used[account])
	if b.ordered && rises && b.used[account] > b.limit(limit, e.written) {
		b.w.t.Errorf("%s: %s stands at %d of %d", e.ID, account, b.used[account], b.limit(limit, e.written))
	}
}

// limit is what a budget may come to at a time.
func (b *bounds) limit(of func(tight) int64, at int64) int64 {
	if at < b.raised {
		return of(exampleBefore)
	}
	return of(exampleAfter)
}

// account is the budget's period that a reward draws on.
func (b *bounds) account(s *standing) (name string, limit func(tight) int64) {
	at := time.UnixMilli(s.at).UTC()
	switch d := &s.last.Data; {
	case d.RuleID == "commission":
		return keyed(s.last.Orgid, "emea-quarterly", quarter(s.at)), func(t tight) int64 { return t.emea }
	case d.RuleID == "give-and-get", d.RuleID == "vip-thanks":
		return keyed(s.last.Orgid, "growth-monthly", at.Format("2006-01")), func(t tight) int64 { return t.growth }
	}
	return "", nil
}

// drawn is an amount in the currency of the budget.
func (b *bounds) drawn(s *standing, amount int64) int64 {
	if s.last.Data.RuleID != "commission" || s.last.Orgid != "zeta" {
		return amount
	}
	rate := big.NewRat(10825, 10000)
	if s.at >= b.x.rate.UnixMilli() {
		rate = big.NewRat(11010, 10000)
	}
	return halfUp(rate.Mul(rate, new(big.Rat).SetInt64(amount)))
}

// group is the limit that a reward counts in.
func (b *bounds) group(s *standing) string {
	d := &s.last.Data
	if d.RuleID != "give-and-get" {
		return ""
	}
	return keyed(s.last.Orgid, d.BeneficiaryID, time.UnixMilli(s.at).In(b.zone).Format("2006-01"))
}

// within tells whether the limit of a reward's own version holds, with so much
// more of the reward.
func (b *bounds) within(s *standing, more int64) bool {
	var count, sum int64
	for _, other := range b.groups[b.group(s)] {
		if other.net > 0 || other == s && more > 0 {
			count++
		}
		sum += other.net
	}
	now := exampleAfter
	if s.last.written < b.raised && more == 0 {
		now = exampleBefore
	}
	if s.at < b.x.november.UnixMilli() {
		return count <= now.count
	}
	return sum+more <= now.amount
}

// oldestFirst sees to it that at the end nothing is held for which there is room.
func (b *bounds) oldestFirst(rewards map[string]*standing) {
	b.w.t.Helper()
	held := map[string][]*standing{} // by what bounds them
	for _, s := range rewards {
		if s.held == 0 {
			continue
		}
		if group := b.group(s); group != "" {
			held["limit "+group] = append(held["limit "+group], s)
		}
		if account, _ := b.account(s); account != "" {
			held["budget "+account] = append(held["budget "+account], s)
		}
	}
	first := map[*standing]bool{} // those that their limit lets move on to the budget
	for _, all := range held {
		slices.SortFunc(all, func(a, b *standing) int {
			return cmp.Or(cmp.Compare(a.at, b.at), strings.Compare(a.last.Data.RewardID, b.last.Data.RewardID))
		})
	}
	for name, all := range held {
		for i, s := range all {
			if strings.HasPrefix(name, "limit ") && i == 0 && b.within(s, s.held) {
				first[s] = true
			}
		}
	}
	for name, all := range held {
		if !strings.HasPrefix(name, "budget ") {
			continue
		}
		for _, s := range all {
			if b.group(s) != "" && !first[s] {
				if b.within(s, s.held) {
					break // it may stand in the budget's queue, before all others
				}
				continue
			}
			account, limit := b.account(s)
			if after := b.used[account] - b.drawn(s, s.net) + b.drawn(s, s.net+s.held); after <= limit(exampleAfter) {
				b.w.t.Errorf("%s: %s is the oldest that waits, and %d of %d would be used with it", name, s.last.ID, after, limit(exampleAfter))
			}
			break
		}
	}
	for _, name := range []string{"growth-monthly", "emea-quarterly"} {
		for account, used := range b.used {
			limit := exampleAfter.growth
			if name == "emea-quarterly" {
				limit = exampleAfter.emea
			}
			if strings.Contains(account, name) && used > limit {
				b.w.t.Errorf("%s stands at %d of %d", account, used, limit)
			}
		}
	}
	b.w.t.Log(fmt.Sprint("budgets: ", b.used, ", at most ", b.worst))
}
