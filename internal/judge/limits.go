package judge

import (
	"cmp"
	"fmt"
	"math/big"
	"slices"
	"strings"
	"time"
)

// limits follow the limits and budgets through the events of rewards.
type limits struct {
	t          *trial
	groups     map[string][]*standing // by limit: program, rule, beneficiary
	used       map[string]int64       // by budget and period
	drawn      map[*standing]int64    // what a reward has of its budget
	partitions map[int]bool
}

func (t *trial) newLimits() *limits {
	return &limits{t: t, groups: map[string][]*standing{}, used: map[string]int64{}, drawn: map[*standing]int64{}, partitions: map[int]bool{}}
}

// bound is what a version says that bounds a reward: its limit and its budget.
type bound struct {
	rule    *rule
	version *version
}

// boundOf finds the rule of a reward in the version of its time.
func (l *limits) boundOf(c *catalog, s *standing) (b bound, ok bool) {
	o := c.orgs[s.first.org]
	if o == nil || o.programs[s.first.program] == nil {
		return b, false
	}
	if b.version = o.programs[s.first.program].at(s.at); b.version == nil {
		return b, false
	}
	for _, r := range b.version.Rules {
		if r.ID == s.first.data.RuleID {
			b.rule = r
			return b, true
		}
	}
	return b, false
}

// group is all that may count in one limit: the rewards of a rule to a beneficiary.
func group(s *standing) string {
	return strings.Join([]string{s.first.org, s.first.program, s.first.data.RuleID, s.first.data.BeneficiaryID}, "/")
}

// after takes an event: what it lets through must fit then. Events of one
// beneficiary have one order; over partitions budgets have none, and are looked at
// when all is over.
func (l *limits) after(s *standing, partition int) {
	l.partitions[partition] = true
	g := group(s)
	if s.last.sequence == 1 {
		l.groups[g] = append(l.groups[g], s)
	}
	rises := s.last.kind == "earned" || s.last.kind == "increased"
	if rises && !l.everWithin(s) {
		l.t.differ(topicRewards, s.key()+" "+s.last.id(), "what its limit admits", "more")
	}
	account, _ := l.account(l.t.newest(), s)
	if account == "" {
		return
	}
	now := l.draws(s, s.net)
	l.used[account] += now - l.drawn[s]
	l.drawn[s] = now
	if most, ok := l.most(s); rises && ok && len(l.partitions) == 1 && partition == 0 && l.used[account] > most {
		l.t.differ(topicRewards, s.key()+" "+s.last.id(), fmt.Sprint(account, " at most ", most), l.used[account])
	}
}

// everWithin tells whether a limit of any state of the files admits a reward.
func (l *limits) everWithin(s *standing) bool {
	return slices.ContainsFunc(l.t.catalogs, func(c *catalog) bool { return l.within(c, s, 0) })
}

// within tells whether the limit of a reward's own version holds, with so much more
// of the reward (§9 (29)).
func (l *limits) within(c *catalog, s *standing, more int64) bool {
	b, ok := l.boundOf(c, s)
	if !ok || b.rule.Limit == nil {
		return true
	}
	in := func(at int64) string { return period(b.rule.Limit.Period, at, b.version.zone) }
	count, total := int64(0), int64(0)
	for _, other := range l.groups[group(s)] {
		if in(other.at) != in(s.at) {
			continue
		}
		net := other.net
		if other == s {
			net += more
		}
		if net > 0 {
			count++
		}
		total += l.worth(c, other, net, b.version.Currency)
	}
	limit := b.rule.Limit
	return (limit.Count == nil || count <= *limit.Count) && (limit.Amount == nil || total <= *limit.Amount)
}

// worth is money in a currency, at the rate of the reward's time; only money is, and
// what has no rate adds nothing.
func (l *limits) worth(c *catalog, s *standing, amount int64, currency string) int64 {
	of := s.first.data.Currency
	if of == "" {
		return 0
	}
	rate := c.rateOf(of, currency, s.at)
	if rate == nil {
		return 0
	}
	n, _ := converted(amount, rate)
	return n
}

// account is the period of the budget that a reward draws on, in UTC.
func (l *limits) account(c *catalog, s *standing) (name string, of budget) {
	if s.budget == "" || s.first.data.Currency == "" {
		return "", of
	}
	o := c.orgs[s.first.org]
	if o == nil {
		return "", of
	}
	of, ok := o.budgets[s.budget]
	if !ok {
		return "", of
	}
	return o.id + "/" + of.ID + "/" + period(of.Period, s.at, time.UTC), of
}

// most is the largest limit that the budget of a reward ever had.
func (l *limits) most(s *standing) (most int64, ok bool) {
	for _, c := range l.t.catalogs {
		if name, of := l.account(c, s); name != "" {
			most, ok = max(most, of.Limit), true
		}
	}
	return most, ok
}

func (l *limits) draws(s *standing, amount int64) int64 {
	_, of := l.account(l.t.newest(), s)
	return l.worth(l.t.newest(), s, amount, of.Currency)
}

// atRest sees to it that no budget is exceeded, and that nothing is held for which
// there is room (§9 (28)).
func (l *limits) atRest() {
	accounts := map[string]int64{}
	queues := map[string][]*standing{} // who waits, by limit and by budget
	for _, s := range l.t.rewards {
		if s.first == nil {
			continue
		}
		account, _ := l.account(l.t.newest(), s)
		if most, ok := l.most(s); ok && account != "" {
			accounts[account] = most
		}
		if s.held == 0 {
			continue
		}
		b, ok := l.boundOf(l.t.newest(), s)
		if !ok {
			continue // a rule that is gone releases nothing
		}
		if account != "" {
			queues["budget "+account] = append(queues["budget "+account], s)
		}
		if b.rule.Limit != nil {
			key := "limit " + group(s) + "/" + period(b.rule.Limit.Period, s.at, b.version.zone)
			queues[key] = append(queues[key], s)
		}
		if b.rule.Limit == nil && account == "" {
			l.t.differ("rewards", s.key(), "released: nothing bounds it", fmt.Sprint(s.held, " held"))
		}
	}
	for account, most := range accounts {
		if l.used[account] > most {
			l.t.differ("rewards", "budget "+account, fmt.Sprint("at most ", most), l.used[account])
		}
	}
	l.oldest(queues)
}

// oldest looks at those who wait longest. Of a limit's the oldest that it admits goes
// on to the budget, where there is one.
func (l *limits) oldest(queues map[string][]*standing) {
	first := map[*standing]bool{}
	for name, all := range queues {
		slices.SortFunc(all, func(a, b *standing) int {
			return cmp.Or(cmp.Compare(a.at, b.at), strings.Compare(a.first.data.RewardID, b.first.data.RewardID))
		})
		if s := all[0]; strings.HasPrefix(name, "limit ") && l.within(l.t.newest(), s, s.held) {
			first[s] = true
			if account, _ := l.account(l.t.newest(), s); account == "" {
				l.t.differ("rewards", s.key(), "released: it is the oldest, and its limit admits it", fmt.Sprint(s.held, " held"))
			}
		}
	}
	for name, all := range queues {
		if !strings.HasPrefix(name, "budget ") {
			continue
		}
		for _, s := range all {
			b, _ := l.boundOf(l.t.newest(), s)
			if b.rule.Limit != nil && !first[s] {
				if l.within(l.t.newest(), s, s.held) {
					break // it may stand in the queue of the budget, before all others
				}
				continue
			}
			l.fitsNot(name, s)
			break
		}
	}
}

// fitsNot sees to it that the oldest in a budget's queue does not fit.
func (l *limits) fitsNot(name string, s *standing) {
	account, of := l.account(l.t.newest(), s)
	if l.t.newest().rateOf(s.first.data.Currency, of.Currency, s.at) == nil {
		return // it waits for a rate
	}
	after := new(big.Int).SetInt64(l.used[account] - l.draws(s, s.net))
	after.Add(after, big.NewInt(l.draws(s, s.net+s.held)))
	if after.Cmp(big.NewInt(of.Limit)) <= 0 {
		l.t.differ("rewards", s.key(), "released: it is the oldest of "+name+", and fits", fmt.Sprint(s.held, " held, ", after, " of ", of.Limit))
	}
}
