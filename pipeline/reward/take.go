package reward

import (
	"math/big"

	"github.com/grapevinehq/grapevine/pipeline/event"
	"github.com/grapevinehq/grapevine/pipeline/program"
)

// Taken is what became of a credit.
type Taken struct {
	// Missing are the keys that must be loaded before the credit can be taken:
	// when there are any, nothing was changed.
	Missing []string
	// Repeated means that this credit, or a later one of its conversion, was
	// taken before: nothing was changed.
	Repeated bool
	// Events are the reward events, in the order of their sequences.
	Events []Event
}

// Take books a credit in its beneficiary's ledger. p is the credit's program,
// nil when the configuration no longer has it: then nothing new is earned, and
// what was earned is reversed when the conversion no longer counts.
//
// Credits of one beneficiary must be taken in the order of their partition.
// Take either does all that the credit asks for or, when a value is missing,
// nothing.
func (l *Ledgers) Take(p *program.Program, c *event.Credit) Taken {
	t := taking{ledgers: l, program: p, credit: c, entryKey: entryKey(c, c.ConversionID)}
	if p != nil {
		t.version, _ = p.At(c.ConversionTime)
	}
	if t.entry = l.entries.read(t.entryKey); t.entry != nil && c.Sequence < t.entry.Next {
		return Taken{Repeated: true}
	}
	if missing := t.missing(); len(missing) > 0 {
		return Taken{Missing: missing}
	}
	t.book()
	return Taken{Events: t.events}
}

// Knows tells whether the ledger's entry of a credit's conversion is loaded and
// holds anything: whether an earlier credit of it is remembered.
func (l *Ledgers) Knows(c *event.Credit) bool {
	entry := l.entries.read(entryKey(c, c.ConversionID))
	return entry != nil && entry.Next > 0
}

// taking is one credit on its way into a ledger.
type taking struct {
	ledgers  *Ledgers
	program  *program.Program
	version  *program.Version // of the conversion's time
	credit   *event.Credit
	entryKey string
	entry    *Entry
	events   []Event
}

// change is what a credit does to one sum.
type change struct {
	rule   *program.Rule   // nil when the configuration no longer has it
	reward *program.Reward // the reward with brackets; nil for tiers
	part   Part            // as it stands after the credit
	delta  int64
}

// changes lists every sum that the credit's conversion has a part in, or could
// have, in the order of the version's rules; last those whose rule is gone,
// which stay as they are until the conversion no longer counts.
func (t *taking) changes() []change {
	var all []change
	entry := t.entry
	if entry == nil {
		entry = new(Entry)
	}
	for _, rule := range t.rules() {
		switch {
		case rule.Type == program.Tiers && t.credit.Role == event.RoleReferrer:
			all = append(all, t.change(entry, rule, nil))
		case rule.Type == program.PerConversion:
			for i := range rule.Rewards {
				if r := &rule.Rewards[i]; t.mine(r) && len(r.Brackets) > 0 {
					all = append(all, t.change(entry, rule, r))
				}
			}
		}
	}
	known := len(all)
	for _, p := range entry.Parts {
		if !names(all[:known], p) {
			all = append(all, t.orphan(p))
		}
	}
	return all
}

func (t *taking) change(entry *Entry, rule *program.Rule, r *program.Reward) change {
	c := change{rule: rule, reward: r, part: Part{Rule: rule.ID}}
	var amount int64
	if r != nil {
		c.part.Reward, amount = r.ID, Credited(t.credit)
	} else {
		amount = Metric(rule, t.credit)
	}
	if t.credit.Counts {
		c.part.Amount = amount
	}
	// The period is fixed by the first credit: a zone that the configuration
	// changes later does not move what was counted.
	if old := entry.part(c.part.Rule, c.part.Reward); old != nil {
		c.part.Period, c.delta = old.Period, c.part.Amount-old.Amount
	} else {
		c.part.Period, c.delta = t.period(rule), c.part.Amount
	}
	return c
}

func (t *taking) orphan(p Part) change {
	if t.credit.Counts {
		return change{part: p}
	}
	delta := -p.Amount
	p.Amount = 0
	return change{part: p, delta: delta}
}

func names(all []change, p Part) bool {
	for i := range all {
		if all[i].part.Rule == p.Rule && all[i].part.Reward == p.Reward {
			return true
		}
	}
	return false
}

// rules are those of the conversion's version whose filters the credit passed.
func (t *taking) rules() []*program.Rule {
	if t.version == nil {
		return nil
	}
	var rules []*program.Rule
	for _, r := range t.version.Rules {
		if passed(t.credit, r) {
			rules = append(rules, r)
		}
	}
	return rules
}

// mine tells whether a per_conversion reward goes to the credit's side.
func (t *taking) mine(r *program.Reward) bool { return string(r.To) == string(t.credit.Role) }

func (t *taking) period(rule *program.Rule) string {
	return PeriodName(rule.Period, t.credit.ConversionTime, t.version.Zone)
}

// missing are the keys that the credit needs and that are not loaded: first
// those that it names itself, then those that the loaded values name.
func (t *taking) missing() []string {
	l, c := t.ledgers, t.credit
	missing := l.entries.want(nil, t.entryKey)
	if c.Role == event.RoleReferrer {
		missing = l.lifetimes.want(missing, lifetimeKey(c))
	}
	changes := t.changes()
	for i := range changes {
		if p := &changes[i].part; p.Reward == "" {
			missing = l.tallies.want(missing, tallyKey(c, p))
		} else {
			missing = l.chains.want(missing, chainKey(c, p))
		}
	}
	if len(missing) > 0 {
		return missing
	}
	for i := range changes {
		if changes[i].part.Reward == "" {
			missing = t.missingSteps(missing, &changes[i])
		} else {
			missing = t.missingLinks(missing, &changes[i])
		}
	}
	return missing
}

// book does what the credit asks for; everything it needs is loaded.
func (t *taking) book() {
	changes := t.changes()
	t.entry = t.ledgers.entries.write(t.entryKey)
	t.entry.Next = t.credit.Sequence + 1
	t.entry.ConversionTime = t.credit.ConversionTime
	t.count()
	for i := range changes {
		c := &changes[i]
		if c.delta == 0 {
			continue
		}
		if c.part.Reward == "" {
			t.tally(c)
		} else {
			t.chain(c)
		}
		t.setPart(c.part)
	}
	t.rewards()
}

func (t *taking) setPart(p Part) {
	if old := t.entry.part(p.Rule, p.Reward); old != nil {
		*old = p
		return
	}
	t.entry.Parts = append(t.entry.Parts, p)
}

// count keeps the member's lifetime figures: each conversion once.
func (t *taking) count() {
	c := t.credit
	if c.Role != event.RoleReferrer {
		return
	}
	var ppm, minor int64
	if c.Counts {
		ppm, minor = c.CreditPPM, Credited(c)
	}
	s := t.ledgers.lifetimes.write(lifetimeKey(c))
	s.ConversionsPPM += ppm - t.entry.CountedPPM
	s.RevenueMinor.Add(&s.RevenueMinor, big.NewInt(minor-t.entry.CountedMinor))
	if c.Counts {
		s.LastConversionAt = max(s.LastConversionAt, c.ConversionTime)
	}
	t.entry.CountedPPM, t.entry.CountedMinor = ppm, minor
}
