package reward

import "github.com/grapevinehq/grapevine/pipeline/program"

// newReward is a reward not yet earned, of a rule in a version of its program, for
// something that happened at a time: its first event comes when it moves.
func newReward(of *program.Program, v *program.Version, rule *program.Rule, r *program.Reward, period string, ms int64) Reward {
	state := Reward{
		Rule: rule.ID, ID: r.ID, Version: v.ValidFromRaw, Type: r.Type, Period: period,
		AvailableAt: ms + rule.Hold.Milliseconds(), Budget: rule.Budget, Day: Day(ms, v.Zone),
	}
	if r.Quantity > 0 {
		state.Unit = r.Unit
	} else {
		state.Currency = v.Currency
	}
	state.Limits = limitParts(nil, of, v, rule.ID, ms)
	return state
}

// settle brings what the rules give for a reward to an amount. What more is asks
// its limit and then its budget; what is less is taken from what waits first.
// reason is why, if it is less.
func (t *Taking) settle(ref string, to int64, reason string) bool {
	s, found, ok := t.find(ref)
	if !ok {
		return false
	}
	if !found || s.Final || to == s.wanted() {
		return true
	}
	if by := to - s.wanted(); by > 0 {
		return t.raise(&s, by)
	}
	return t.reduce(&s, s.wanted()-to, reason)
}

// reduce takes an amount back, of what waits first.
func (t *Taking) reduce(s *spot, by int64, reason string) bool {
	waited := min(s.Held, by)
	if !t.loadedLimits(s) {
		return false
	}
	leave, ok := t.leaving(s)
	if !ok {
		return false
	}
	freed, ok := t.frees(s, s.Net-(by-waited))
	if !ok {
		return false
	}
	if _, ok := t.draw(leave...); !ok {
		return false
	}
	where, stood := s.Waits, s.Stands
	t.unqueue(s)
	s.Held -= waited
	s.Net -= by - waited
	if freed > 0 {
		t.has(s, -freed)
		t.ledgers.free(s.Account, freed)
	}
	t.tell(s, Reversed, by, reason)
	t.countLimits(s)
	switch {
	case s.Held > 0:
		t.askAgain(s, where)
	case where == WaitLimit: // whoever stood behind it may fit
		t.review(stood)
	}
	return true
}

// raise gives an amount more, or lets it wait. What waits already, waits as a whole.
func (t *Taking) raise(s *spot, by int64) bool {
	if s.Held == 0 {
		return t.admit(s, by)
	}
	if !t.loadedLimits(s) {
		return false
	}
	leave, ok := t.leaving(s)
	if !ok {
		return false
	}
	if _, ok := t.draw(leave...); !ok {
		return false
	}
	where := s.Waits
	t.unqueue(s)
	s.Held += by
	t.tell(s, Held, by, t.whyHeld(s, where))
	t.askAgain(s, where)
	return true
}

// askAgain asks for what is held and stands in no queue. At a limit it joins the
// queue as it was: those who are older go first.
func (t *Taking) askAgain(s *spot, where Wait) {
	if own := t.ownLimit(s); where == WaitLimit && own != "" {
		t.wait(s, WaitLimit)
		t.review(own)
		return
	}
	ref := s.ref(s.Reward)
	t.then(func() bool { return t.again(ref) })
}

// again asks for a reward that is held.
func (t *Taking) again(ref string) bool {
	s, found, ok := t.find(ref)
	if !ok {
		return false
	}
	if !found || s.Held == 0 || s.Waits != NoWait {
		return true
	}
	return t.admit(&s, 0)
}

// admit asks the limit, and then the budget, for more, or when that is 0 for what
// is held: which then stands in no queue. What does not fit waits.
func (t *Taking) admit(s *spot, more int64) bool {
	amount := s.Held + more
	if !t.loadedLimits(s) {
		return false
	}
	own := t.ownLimit(s)
	if own != "" && !admits(t.ledgers.limits.read(own), s.rule.Limit, s.Net > 0, s.money(amount)) {
		t.hold(s, more, WaitLimit)
		return true
	}
	take, where, ok := t.takes(s, s.Net+amount)
	if !ok {
		return false
	}
	if where != NoWait {
		t.hold(s, more, where)
		return true
	}
	drawn, ok := t.draw(take...)
	if !ok {
		return false
	}
	if len(take) > 0 {
		if !drawn[0].Taken {
			t.hold(s, more, WaitBudget)
			return true
		}
		t.has(s, take[0].Amount)
	}
	s.Held = amount
	t.release(s)
	return true
}

// hold lets what does not fit wait. more is what was not held before.
func (t *Taking) hold(s *spot, more int64, where Wait) {
	s.Held += more
	if more > 0 {
		s.Unearned = s.Unearned || s.Sequence == 0
		t.tell(s, Held, more, t.whyHeld(s, where))
	}
	t.wait(s, where)
}

// release lets what is held through, whole; it stands in no queue any more.
func (t *Taking) release(s *spot) {
	amount, kind := s.Held, Increased
	if s.Sequence == 0 || s.Unearned {
		kind = Earned
	}
	s.Net, s.Held, s.Unearned = s.Net+amount, 0, false
	t.tell(s, kind, amount, "")
	t.countLimits(s)
}

// money is an amount as limits on money count it.
func (r *Reward) money(amount int64) int64 {
	if r.Currency == "" {
		return 0
	}
	return amount
}

// whyHeld is the reason of what is held: it names the limit or the budget.
func (t *Taking) whyHeld(s *spot, where Wait) string {
	switch where {
	case WaitLimit:
		if s.rule != nil && s.rule.Limit != nil {
			return "limit of rule " + s.Rule + ", " + PeriodName(s.rule.Limit.Period, s.conversionTime, s.version.Zone)
		}
		return "limit of rule " + s.Rule
	case WaitRate:
		if b := t.ledgers.budget(s.org, s.Budget); b != nil {
			return "budget " + s.Budget + ": no exchange rate from " + s.Currency + " to " + b.Currency
		}
		return "budget " + s.Budget + " is not configured"
	default:
		return "budget " + s.Budget + ", " + accountPeriod(s.Account)
	}
}

// wait lets a reward join the queue of what it waits for.
func (t *Taking) wait(s *spot, where Wait) {
	s.Waits, s.Stands, *s.changed = where, t.ownLimit(s), true
	switch where {
	case WaitLimit:
		t.ledgers.limitQueue(s.Stands, 1, 0)
		t.ledgers.queues.join(waitingAt(s.Stands), s.waiter(), s.conversionTime)
	case WaitBudget:
		t.ledgers.accountQueue(s.Account, 1)
		t.ledgers.queues.join(queueAt(s.Account), s.claimant(), s.conversionTime)
		if s.Stands != "" {
			t.ledgers.limitQueue(s.Stands, 0, 1)
			t.ledgers.queues.join(queuedAt(s.Stands), s.waiter(), s.conversionTime)
		}
	case WaitRate:
		t.ledgers.queues.join(QueueRates, s.rateMember(), t.ledgers.ordinal())
	}
}

// unqueue takes a reward out of the queue that it stands in, if it does.
func (t *Taking) unqueue(s *spot) {
	switch s.Waits {
	case WaitLimit:
		t.ledgers.limitQueue(s.Stands, -1, 0)
		t.ledgers.queues.leave(waitingAt(s.Stands), s.waiter())
	case WaitBudget:
		t.ledgers.accountQueue(s.Account, -1)
		t.ledgers.queues.leave(queueAt(s.Account), s.claimant())
		if s.Stands != "" {
			t.ledgers.limitQueue(s.Stands, 0, -1)
			t.ledgers.queues.leave(queuedAt(s.Stands), s.waiter())
		}
	case WaitRate:
		t.ledgers.queues.leave(QueueRates, s.rateMember())
	}
	s.Waits, s.Stands, *s.changed = NoWait, "", true
}
