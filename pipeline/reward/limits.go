package reward

import (
	"math/big"
	"slices"
	"strconv"
	"strings"

	"github.com/grapevinehq/grapevine/pipeline"
	"github.com/grapevinehq/grapevine/pipeline/event"
	"github.com/grapevinehq/grapevine/pipeline/money"
	"github.com/grapevinehq/grapevine/pipeline/program"
)

// QueueLimits holds the limits that rewards wait for, or that admit rewards which
// wait for a budget: each with the configuration that it was looked at under last,
// see [Revision].
const QueueLimits = "q/limits"

// LimitSum is what a beneficiary's rewards of a rule come to in a period of its
// limit (§9 (29)).
type LimitSum struct {
	Count   int64   `cbor:"1,keyasint,omitempty"` // rewards that have a net value
	Sum     big.Int `cbor:"2,keyasint"`           // of their net values, in the limit's currency
	Waiting int64   `cbor:"3,keyasint,omitempty"` // rewards in the limit's own queue
	Queued  int64   `cbor:"4,keyasint,omitempty"` // rewards that it admits and that stand in a budget's queue
}

// LimitPart is what one reward adds to the sum of a limit.
type LimitPart struct {
	Period   string `cbor:"1,keyasint"`
	Currency string `cbor:"2,keyasint"` // of the limit
	Counted  bool   `cbor:"3,keyasint,omitempty"`
	Amount   int64  `cbor:"4,keyasint,omitempty"`
}

func limitKey(org, beneficiary, program, rule, period, currency string) string {
	return event.PrefixedID("l/", org, beneficiary, program, rule, period, currency)
}

// waitingAt and queuedAt are a limit's own queue, and the queue of those that it
// admits and that wait for a budget. Both are ordered by the time of the
// conversion, then by reward id.
func waitingAt(limit string) string { return "q/w" + limit }
func queuedAt(limit string) string  { return "q/b" + limit }

// limitParts adds the limits that a rule has in any version to those that a
// reward counts in already: a limit counts a rule's rewards over all versions.
func limitParts(parts []LimitPart, of *program.Program, v *program.Version, rule string, ms int64) []LimitPart {
	for _, other := range of.Versions {
		for _, r := range other.Rules {
			if r.ID != rule || r.Limit == nil {
				continue
			}
			part := LimitPart{Period: PeriodName(r.Limit.Period, ms, v.Zone), Currency: other.Currency}
			if !slices.ContainsFunc(parts, func(p LimitPart) bool { return p.Period == part.Period && p.Currency == part.Currency }) {
				parts = append(parts, part)
			}
		}
	}
	return parts
}

func (s *spot) partKey(p *LimitPart) string {
	return limitKey(s.org, s.beneficiary, s.program, s.Rule, p.Period, p.Currency)
}

// ownLimit is the key of the limit that a reward's own version sets; empty when
// it sets none.
func (t *Taking) ownLimit(s *spot) string {
	if s.rule == nil || s.rule.Limit == nil {
		return ""
	}
	return limitKey(s.org, s.beneficiary, s.program, s.Rule, PeriodName(s.rule.Limit.Period, s.conversionTime, s.version.Zone), s.version.Currency)
}

// loadedLimits makes sure that the sums that a reward may change are loaded.
func (t *Taking) loadedLimits(s *spot) bool {
	if s.rule != nil {
		s.Limits = limitParts(s.Limits, s.of, s.version, s.Rule, s.conversionTime)
	}
	var missing []string
	for i := range s.Limits {
		missing = t.ledgers.limits.want(missing, s.partKey(&s.Limits[i]))
	}
	if s.Stands != "" {
		missing = t.ledgers.limits.want(missing, s.Stands)
	}
	return !t.lacks(missing...)
}

// admits tells whether a limit lets an amount more through, of a reward that it
// counts already or not.
func admits(sum *LimitSum, limit *program.Limit, counted bool, amount int64) bool {
	if limit.Count > 0 && !counted && sum.Count >= limit.Count {
		return false
	}
	if limit.AmountMinor > 0 && amount > 0 {
		after := new(big.Int).Add(&sum.Sum, big.NewInt(amount))
		return after.Cmp(big.NewInt(limit.AmountMinor)) <= 0
	}
	return true
}

// countLimits brings what a reward adds to limits to what it is worth now, and
// has those reviewed that others wait for.
func (t *Taking) countLimits(s *spot) {
	for i := range s.Limits {
		part := &s.Limits[i]
		counted, amount := s.Net > 0, t.limitAmount(s, part.Currency)
		if counted == part.Counted && amount == part.Amount {
			continue
		}
		key := s.partKey(part)
		sum := t.ledgers.limits.write(key)
		switch {
		case counted && !part.Counted:
			sum.Count++
		case !counted && part.Counted:
			sum.Count--
		}
		sum.Sum.Add(&sum.Sum, big.NewInt(amount))
		sum.Sum.Sub(&sum.Sum, big.NewInt(part.Amount))
		part.Counted, part.Amount, *s.changed = counted, amount, true
		t.review(key)
	}
}

// limitAmount is a reward's net value in the currency of a limit, at the rate of
// its conversion's time; nothing without a rate.
func (t *Taking) limitAmount(s *spot, currency string) int64 {
	amount := s.money(s.Net)
	if amount == 0 || currency == s.Currency {
		return amount
	}
	rate, err := money.RateAt(t.ledgers.catalog.Rates, s.Currency, currency, s.conversionTime)
	if err != nil {
		return 0
	}
	converted, err := rate.Convert(amount)
	if err != nil {
		return 0
	}
	return converted
}

// review looks next at those who wait for a limit.
func (t *Taking) review(limit string) {
	if sum := t.ledgers.limits.read(limit); sum != nil && sum.Waiting+sum.Queued > 0 {
		t.then(func() bool { return t.reviewed(limit) })
	}
}

// reviewed first takes out of the budgets' queues what the limit no longer
// admits, and then lets the oldest of the limit's own queue move on, if it fits.
func (t *Taking) reviewed(limit string) bool {
	if t.lacks(t.ledgers.limits.want(nil, limit)...) {
		return false
	}
	if t.ledgers.limits.read(limit).Queued > 0 {
		done, ok := t.callBack(limit)
		if !ok || done {
			return ok
		}
	}
	if t.ledgers.limits.read(limit).Waiting == 0 {
		return true
	}
	head, found, ask := t.ledgers.queues.head(waitingAt(limit))
	if t.lacksQueue(ask) {
		return false
	}
	if !found {
		return true
	}
	w, fits := t.fits(limit, head)
	if !fits {
		return true
	}
	s, found, ok := t.find(w.ref)
	if !ok || found && !t.loadedLimits(&s) {
		return false
	}
	t.then(func() bool { return t.reviewed(limit) })
	if !found { // never: it would wait for ever, and all behind it
		t.ledgers.limitQueue(limit, -1, 0)
		t.ledgers.queues.leave(head.Key, head.Member)
		return true
	}
	t.unqueue(&s)
	t.then(func() bool { return t.again(w.ref) })
	return true
}

// callBack moves what a limit no longer admits from the budgets' queues to its
// own; done is false when there is nothing of the kind.
func (t *Taking) callBack(limit string) (done, ok bool) {
	queued, ask := t.ledgers.queues.all(queuedAt(limit))
	if t.lacksQueue(ask) {
		return false, false
	}
	var back []*spot
	for _, m := range queued {
		if w, fits := t.fits(limit, m); !fits {
			s, found, ok := t.find(w.ref)
			if !ok || found && !t.loadedLimits(&s) {
				continue // all that is missing, at once
			}
			if found {
				back = append(back, &s)
			}
		}
	}
	if len(t.needs.Keys) > 0 {
		return false, false
	}
	var draws []pipeline.Draw
	for _, s := range back {
		leave, ok := t.leaving(s)
		if !ok {
			continue
		}
		draws = append(draws, leave...)
	}
	if len(t.needs.Keys) > 0 {
		return false, false
	}
	if _, ok := t.draw(draws...); !ok {
		return false, false
	}
	for _, s := range back {
		t.unqueue(s)
		t.wait(s, WaitLimit)
	}
	if len(back) > 0 {
		t.then(func() bool { return t.reviewed(limit) })
	}
	return len(back) > 0, true
}

// waiter is a member of a limit's queues: all that the limit must know of it.
//
//	<reward id> <amount> <1 if it is counted already> <ref>
func (s *spot) waiter() string {
	counted := "0"
	if s.Net > 0 {
		counted = "1"
	}
	return strings.Join([]string{s.rewardID(s.Reward), strconv.FormatInt(s.money(s.Held), 10), counted, s.ref(s.Reward)}, " ")
}

type waiter struct {
	amount  int64
	counted bool
	ref     string
}

func waiterOf(member string) (w waiter) {
	parts := strings.SplitN(member, " ", 4)
	if len(parts) < 4 {
		return w
	}
	w.amount, _ = strconv.ParseInt(parts[1], 10, 64)
	w.counted, w.ref = parts[2] == "1", parts[3]
	return w
}

// fits tells whether a limit admits a member of its queues: by what the version of
// the conversion's time says now. Where that sets another limit or none, this one
// keeps nobody; where the rule is gone, nobody moves.
func (t *Taking) fits(limit string, m pipeline.QueueMember) (w waiter, ok bool) {
	w = waiterOf(m.Member)
	key := segmentsOf(limit)
	c := t.ledgers.configured(key[0], key[2], key[3], m.Rank)
	if c.rule == nil {
		return w, m.Key == queuedAt(limit)
	}
	if c.rule.Limit == nil || key[4] != PeriodName(c.rule.Limit.Period, m.Rank, c.version.Zone) || key[5] != c.version.Currency {
		return w, true
	}
	return w, admits(t.ledgers.limits.read(limit), c.rule.Limit, w.counted, w.amount)
}

// limitQueue counts who waits in a limit's two queues, and knows the limits that
// have anybody there.
func (l *Ledgers) limitQueue(limit string, waiting, queued int64) {
	sum := l.limits.write(limit)
	before := sum.Waiting + sum.Queued
	sum.Waiting += waiting
	sum.Queued += queued
	switch now := sum.Waiting + sum.Queued; {
	case now == 0:
		l.queues.leave(QueueLimits, limit)
	case before == 0:
		l.queues.join(QueueLimits, limit, l.ordinal())
	}
}
