package reward

import (
	"github.com/grapevinehq/grapevine/pipeline"
	"github.com/grapevinehq/grapevine/pipeline/event"
)

// The inputs of a ledger. Those of one must be taken one after another, in the
// order of their partition, what is due by the clock first. id tells an input from
// the others of its batch.

func (l *Ledgers) take(id string, p Person, ms int64, first func(*Taking) step) *Taking {
	t := &Taking{ledgers: l, id: id, person: p, time: ms}
	t.then(first(t))
	return t
}

// TakeCredit books a credit.
func (l *Ledgers) TakeCredit(id string, c *event.Credit) *Taking {
	return l.take(id, Person{c.OrgID, c.BeneficiaryID}, c.DecidedAt, func(t *Taking) step {
		t.locale = c.Locale
		b := &booking{Taking: t, credit: c, program: l.catalog.Program(c.OrgID, c.ProgramID), entryKey: entryOf(c)}
		if b.program != nil {
			b.version, _ = b.program.At(c.ConversionTime)
		}
		b.passed = rules(b.version, c)
		return b.book
	})
}

// TakeChange takes a member's update, or that it was forgotten.
func (l *Ledgers) TakeChange(id string, m *event.MemberChanged) *Taking {
	return l.take(id, Person{m.OrgID, m.MemberID}, m.DecidedAt, func(t *Taking) step {
		return func() bool { return t.change(m) }
	})
}

// TakeClick takes that a member's links got unique clicks.
func (l *Ledgers) TakeClick(id string, m *event.MemberClicked) *Taking {
	return l.take(id, Person{m.OrgID, m.MemberID}, m.DecidedAt, func(t *Taking) step {
		return t.spoken(func() bool { return t.look(m.Time) })
	})
}

// TakeDecision takes a person's decision about a reward.
func (l *Ledgers) TakeDecision(id string, d *event.RewardDecision) *Taking {
	return l.take(id, Person{d.OrgID, d.BeneficiaryID}, d.DecidedAt, func(t *Taking) step {
		return t.spoken(func() bool { return t.decide(d) })
	})
}

// TakeDue ends the hold of a reward, by its member of [QueueDue].
func (l *Ledgers) TakeDue(id, ref string) *Taking {
	return l.byClock(id, ref, func(t *Taking) bool { return t.due(ref) })
}

// TakeGranted lets a reward through that its budget has given room.
func (l *Ledgers) TakeGranted(id, account string, g pipeline.Grant) *Taking {
	return l.byClock(id, g.Ref, func(t *Taking) bool { return t.granted(account, g) })
}

// TakeRates asks again for a reward that lacked a rate, by its member of [QueueRates].
func (l *Ledgers) TakeRates(id, member string) *Taking {
	return l.byClock(id, Waiter(member), func(t *Taking) bool { return t.rated(member) })
}

// TakeLimit looks again at those who wait for a limit, by its member of
// [QueueLimits]: the configuration has changed.
func (l *Ledgers) TakeLimit(id, limit string) *Taking {
	return l.byClock(id, limit, func(t *Taking) bool { return t.reconsidered(limit) })
}

// byClock takes what no input of the batch caused.
func (l *Ledgers) byClock(id, ref string, do func(*Taking) bool) *Taking {
	org, beneficiary := LedgerOf(ref)
	return l.take(id, Person{org, beneficiary}, l.batch.Time, func(t *Taking) step {
		return t.spoken(func() bool { return do(t) })
	})
}

// spoken takes a step in the language of the beneficiary as known now.
func (t *Taking) spoken(s step) step {
	return func() bool {
		key := memberKey(t.person)
		if t.lacks(t.ledgers.members.want(nil, key)...) {
			return false
		}
		t.locale = t.ledgers.members.read(key).Locale
		return s()
	}
}

// Person is whose ledger the input is of.
func (t *Taking) Person() Person { return t.person }
