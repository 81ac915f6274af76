package reward

import (
	"math/big"
	"slices"
	"time"

	"github.com/grapevinehq/grapevine/pipeline/event"
	"github.com/grapevinehq/grapevine/pipeline/program"
)

// booking is a credit on its way into its ledger.
type booking struct {
	*Taking
	credit   *event.Credit
	program  *program.Program // nil when the configuration no longer has it
	version  *program.Version // of the conversion's time
	entryKey string
	entry    *Entry
	passed   []*program.Rule // rules of the version whose filters the credit passed
	moves    []step          // of rewards that a limit or budget bounds, in order
}

// Knows tells whether the ledger's entry of a credit's conversion is loaded and
// holds anything: whether an earlier credit of it is remembered.
func (l *Ledgers) Knows(c *event.Credit) bool {
	entry := l.entries.read(entryOf(c))
	return entry != nil && entry.Next > 0
}

func entryOf(c *event.Credit) string {
	return entryKey(Person{c.OrgID, c.BeneficiaryID}, c.ProgramID, c.ConversionID, c.Role)
}

// book books a credit: without its program nothing new is earned, and what was
// earned is reversed when the conversion no longer counts. It does all that the
// credit asks for but what limits and budgets have to say.
func (b *booking) book() bool {
	if b.entry = b.ledgers.entries.read(b.entryKey); b.entry != nil && b.credit.Sequence < b.entry.Next {
		b.Repeated = true
		return true
	}
	if b.lacks(b.missing()...) {
		return false
	}
	if b.credit.Role == event.RoleReferrer && b.ledgers.org(b.person.OrgID) != nil {
		b.then(func() bool { return b.look(b.credit.ConversionTime) })
	}
	b.apply()
	for _, move := range slices.Backward(b.moves) {
		b.then(move)
	}
	return true
}

// shift is what a credit does to one sum.
type shift struct {
	rule   *program.Rule   // nil when the configuration no longer has it
	reward *program.Reward // the reward with brackets; nil for tiers
	part   Part            // as it stands after the credit
	delta  int64
}

// changes lists every sum that the credit's conversion has a part in, or could
// have, in the order of the version's rules; last those whose rule is gone,
// which stay as they are until the conversion no longer counts.
func (b *booking) changes() []shift {
	var all []shift
	entry := b.entry
	if entry == nil {
		entry = new(Entry)
	}
	for _, rule := range b.passed {
		switch {
		case rule.Type == program.Tiers && b.credit.Role == event.RoleReferrer:
			all = append(all, b.shift(entry, rule, nil))
		case rule.Type == program.PerConversion:
			for i := range rule.Rewards {
				if r := &rule.Rewards[i]; b.mine(r) && len(r.Brackets) > 0 {
					all = append(all, b.shift(entry, rule, r))
				}
			}
		}
	}
	known := len(all)
	for _, p := range entry.Parts {
		if !names(all[:known], p) {
			all = append(all, b.orphan(p))
		}
	}
	return all
}

func (b *booking) shift(entry *Entry, rule *program.Rule, r *program.Reward) shift {
	c := shift{rule: rule, reward: r, part: Part{Rule: rule.ID}}
	var amount int64
	if r != nil {
		c.part.Reward, amount = r.ID, Credited(b.credit)
	} else {
		amount = Metric(rule, b.credit)
	}
	if b.credit.Counts {
		c.part.Amount = amount
	}
	// The period is fixed by the first credit: a zone that the configuration
	// changes later does not move what was counted.
	if old := entry.part(c.part.Rule, c.part.Reward); old != nil {
		c.part.Period, c.delta = old.Period, c.part.Amount-old.Amount
	} else {
		c.part.Period, c.delta = b.period(rule), c.part.Amount
	}
	return c
}

func (b *booking) orphan(p Part) shift {
	if b.credit.Counts {
		return shift{part: p}
	}
	delta := -p.Amount
	p.Amount = 0
	return shift{part: p, delta: delta}
}

func names(all []shift, p Part) bool {
	for i := range all {
		if all[i].part.Rule == p.Rule && all[i].part.Reward == p.Reward {
			return true
		}
	}
	return false
}

// rules are those of a version whose filters a credit passed.
func rules(of *program.Version, c *event.Credit) []*program.Rule {
	if of == nil {
		return nil
	}
	var list []*program.Rule
	for _, r := range of.Rules {
		if passed(c, r) {
			list = append(list, r)
		}
	}
	return list
}

// mine tells whether a per_conversion reward goes to the credit's side.
func (b *booking) mine(r *program.Reward) bool { return string(r.To) == string(b.credit.Role) }

func (b *booking) period(rule *program.Rule) string {
	return PeriodName(rule.Period, b.credit.ConversionTime, b.version.Zone)
}

// missing are the keys that the credit needs and that are not loaded: first
// those that it names itself, then those that the loaded values name.
func (b *booking) missing() []string {
	l, c := b.ledgers, b.credit
	missing := l.entries.want(nil, b.entryKey)
	if c.Role == event.RoleReferrer {
		missing = l.lifetimes.want(missing, lifetimeKey(b.person))
		missing = b.missingMember(missing)
	}
	changes := b.changes()
	for i := range changes {
		if p := &changes[i].part; p.Reward == "" {
			missing = l.tallies.want(missing, tallyKey(b.person, c.ProgramID, p))
		} else {
			missing = l.chains.want(missing, chainKey(b.person, c.ProgramID, p, c.Role))
		}
	}
	missing = b.missingBounds(missing)
	if len(missing) > 0 {
		return missing
	}
	for i := range changes {
		if changes[i].part.Reward == "" {
			missing = b.missingSteps(missing, &changes[i])
		} else {
			missing = b.missingLinks(missing, &changes[i])
		}
	}
	return missing
}

// apply moves the ledger's sums and rewards; everything it needs is loaded.
func (b *booking) apply() {
	changes := b.changes()
	b.entry = b.ledgers.entries.write(b.entryKey)
	b.entry.Next = b.credit.Sequence + 1
	b.entry.ConversionTime = b.credit.ConversionTime
	b.count()
	for i := range changes {
		c := &changes[i]
		if c.delta == 0 {
			continue
		}
		if c.part.Reward == "" {
			b.tally(c)
		} else {
			b.chain(c)
		}
		b.setPart(c.part)
	}
	b.rewards()
}

func (b *booking) setPart(p Part) {
	if old := b.entry.part(p.Rule, p.Reward); old != nil {
		*old = p
		return
	}
	b.entry.Parts = append(b.entry.Parts, p)
}

// count keeps the member's lifetime figures: each conversion once.
func (b *booking) count() {
	c := b.credit
	if c.Role != event.RoleReferrer {
		return
	}
	var ppm, minor int64
	if c.Counts {
		ppm, minor = c.CreditPPM, Credited(c)
	}
	s := b.ledgers.lifetimes.write(lifetimeKey(b.person))
	s.ConversionsPPM += ppm - b.entry.CountedPPM
	s.RevenueMinor.Add(&s.RevenueMinor, big.NewInt(minor-b.entry.CountedMinor))
	if c.Counts {
		s.LastConversionAt = max(s.LastConversionAt, c.ConversionTime)
	}
	b.entry.CountedPPM, b.entry.CountedMinor = ppm, minor
}

// missingMember adds what is looked at after a credit that changes stats, where the
// org asks for it.
func (b *booking) missingMember(missing []string) []string {
	if b.ledgers.org(b.person.OrgID) == nil {
		return missing
	}
	missing = b.ledgers.members.want(missing, memberKey(b.person))
	return b.ledgers.grants.want(missing, grantsKey(b.person))
}

// missingBounds adds the sums of limits, and the budget's account, that the
// credit's rules may ask: they are needed as soon as a reward moves.
func (b *booking) missingBounds(missing []string) []string {
	c := b.credit
	for _, rule := range b.passed {
		for _, part := range limitParts(nil, b.program, b.version, rule.ID, c.ConversionTime) {
			missing = b.ledgers.limits.want(missing, limitKey(c.OrgID, c.BeneficiaryID, c.ProgramID, rule.ID, part.Period, part.Currency))
		}
		if budget := b.ledgers.budget(c.OrgID, rule.Budget); budget != nil {
			period := PeriodName(budget.Period, c.ConversionTime, time.UTC)
			missing = b.ledgers.accounts.want(missing, accountKey(accountName(c.OrgID, budget.ID, budget.Currency, period)))
		}
	}
	return missing
}

// own is the credit's own conversion as a cause.
func (b *booking) own() cause { return b.conversion(b.credit.ConversionID, b.credit.ConversionTime) }

// conversion is one of the beneficiary's conversions in the program as a cause.
func (b *booking) conversion(id string, ms int64) cause {
	key := b.entryKey
	if id != b.credit.ConversionID {
		key = entryKey(b.person, b.credit.ProgramID, id, b.credit.Role)
	}
	return cause{
		key: key, org: b.credit.OrgID, program: b.credit.ProgramID, beneficiary: b.credit.BeneficiaryID, role: b.credit.Role,
		conversion: id, conversionTime: ms,
	}
}

// tier is a tier that was crossed as a cause.
func (b *booking) tier(key string, held *TierHeld) cause {
	c := b.conversion(held.ConversionID, held.ConversionTime)
	c.key, c.tier, c.occurrence = key, held.Tier, held.Occurrence
	c.metric, c.threshold = held.texts(b.credit.Currency)
	return c
}

// move brings what the rules give for a reward to an amount. Where only the reward
// is concerned that is done at once; what limits and budgets have to say comes
// when the credit is booked. rule may be nil: then the event has no texts. reason
// is why, if the value falls.
func (b *booking) move(r *Reward, to int64, rule *program.Rule, why cause, reason string) {
	if r.Final || to == r.wanted() && len(b.moves) == 0 {
		return
	}
	if r.bounded() { // whatever moved it before is still to come
		ref := why.ref(r)
		b.moves = append(b.moves, func() bool { return b.settle(ref, to, reason) })
		return
	}
	if to == r.Net {
		return
	}
	var written bool // by whoever moves it
	s := spot{cause: why, Reward: r, configuration: configuration{b.program, b.version, rule}, changed: &written}
	by, kind := to-r.Net, Increased
	switch {
	case by < 0:
		by, kind = -by, Reversed
	case r.Sequence == 0 || r.Unearned:
		kind, reason = Earned, ""
	default:
		reason = ""
	}
	r.Net, r.Unearned = to, r.Unearned && by < 0
	b.tell(&s, kind, by, reason)
}

func (b *booking) newReward(rule *program.Rule, r *program.Reward, period string) Reward {
	return newReward(b.program, b.version, rule, r, period, b.credit.ConversionTime)
}
