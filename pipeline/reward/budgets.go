package reward

import (
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/grapevinehq/grapevine/pipeline"
	"github.com/grapevinehq/grapevine/pipeline/event"
	"github.com/grapevinehq/grapevine/pipeline/money"
	"github.com/grapevinehq/grapevine/pipeline/program"
)

// The queues of who waits for budgets: the accounts in whose queues rewards of
// this partition stand, and the rewards that lack a rate. Their ranks say under
// which configuration they were looked at last, see [Revision].
const (
	QueueBudgets = "q/budgets"
	QueueRates   = "q/rates"
)

// Account is what a partition remembers of one period of a budget. The budget
// itself is shared by all partitions.
type Account struct {
	Drawn   uint64 `cbor:"1,keyasint"`           // the number of the batch that drew on it last
	Waiting int64  `cbor:"2,keyasint,omitempty"` // rewards of this partition in its queue
	// Taken is what the rewards of this partition have of it, and Gives what that batch
	// gives back when it is published. With those of all partitions it comes to what the
	// budget itself says is used, less the room that it gave and nobody collected.
	Taken int64 `cbor:"3,keyasint,omitempty"`
	Gives int64 `cbor:"4,keyasint,omitempty"`

	before uint64 // Drawn, as it was before this batch
}

// accountName names one period of a budget. The currency is part of it: another
// one begins another account.
func accountName(org, budget, currency, period string) string {
	return event.JoinID(org, budget, currency, period)
}

func accountKey(account string) string { return "u/" + account }

// accountPeriod is the period in an account's name.
func accountPeriod(account string) string {
	return unescaped(account[strings.LastIndexByte(account, '/')+1:])
}

// AccountOf takes the name of an account apart.
func AccountOf(account string) (org, budget, currency, period string) {
	parts := strings.Split(account, "/")
	if len(parts) != 4 {
		return "", "", "", ""
	}
	return unescaped(parts[0]), unescaped(parts[1]), unescaped(parts[2]), unescaped(parts[3])
}

// limitOf is what an account may come to now; nothing when the configuration no
// longer has such a budget.
func (l *Ledgers) limitOf(account string) int64 {
	org, id, currency, period := AccountOf(account)
	b := l.budget(org, id)
	if b == nil || b.Currency != currency || b.Period != KindOf(period) {
		return 0
	}
	return b.LimitMinor
}

// budget finds a budget of an org; nil when the configuration does not have it.
func (l *Ledgers) budget(orgID, id string) *program.Budget {
	if org := l.catalog.Orgs[orgID]; org != nil {
		return org.Budgets[id]
	}
	return nil
}

// KindOf is the kind of a period, by its name.
func KindOf(period string) program.Period {
	switch {
	case period == string(program.Lifetime):
		return program.Lifetime
	case strings.Contains(period, "-W"):
		return program.Week
	case strings.Contains(period, "-Q"):
		return program.Quarter
	case strings.Contains(period, "-"):
		return program.Month
	}
	return program.Year
}

// takes are the draws that a reward needs to be worth an amount. where is what it
// waits for when it cannot draw at all; ok is false when a value must be loaded.
func (t *Taking) takes(s *spot, net int64) (draws []pipeline.Draw, where Wait, ok bool) {
	if s.Budget == "" || s.Currency == "" {
		return nil, NoWait, true // only money counts
	}
	if (s.Account == "" || s.Rate == nil) && !t.open(s) {
		return nil, WaitRate, true
	}
	amount, err := s.Rate.Convert(net)
	if err != nil {
		return nil, WaitRate, true // too large an amount for any budget
	}
	if amount <= s.Drawn {
		return nil, NoWait, true
	}
	if t.lacks(t.ledgers.accounts.want(nil, accountKey(s.Account))...) {
		return nil, NoWait, false
	}
	d := t.ledgers.drawOn(s.Account, pipeline.DrawTake)
	d.Amount, d.Time, d.Reward, d.Ref = amount-s.Drawn, s.conversionTime, s.rewardID(s.Reward), s.ref(s.Reward)
	return []pipeline.Draw{d}, NoWait, true
}

// open finds the account that a reward draws on, and the rate into its currency;
// both stay the reward's own. False without a rate, or without the budget.
func (t *Taking) open(s *spot) bool {
	b := t.ledgers.budget(s.org, s.Budget)
	if b == nil {
		return false
	}
	rate, err := money.RateAt(t.ledgers.catalog.Rates, s.Currency, b.Currency, s.conversionTime)
	if err != nil {
		return false
	}
	s.Rate = &rate
	s.Account = accountName(s.org, b.ID, b.Currency, PeriodName(b.Period, s.conversionTime, time.UTC))
	return true
}

// frees is what a reward has of its budget beyond a net value.
func (t *Taking) frees(s *spot, net int64) (amount int64, ok bool) {
	if s.Drawn == 0 || s.Rate == nil || net >= s.Net {
		return 0, true
	}
	keeps, err := s.Rate.Convert(net)
	if err != nil || keeps >= s.Drawn {
		return 0, true
	}
	if t.lacks(t.ledgers.accounts.want(nil, accountKey(s.Account))...) {
		return 0, false
	}
	return s.Drawn - keeps, true
}

// leaving are the draws that take a reward out of its budget's queue, if it
// stands there.
func (t *Taking) leaving(s *spot) (draws []pipeline.Draw, ok bool) {
	if s.Waits != WaitBudget {
		return nil, true
	}
	if t.lacks(t.ledgers.accounts.want(nil, accountKey(s.Account))...) {
		return nil, false
	}
	d := t.ledgers.drawOn(s.Account, pipeline.DrawLeave)
	d.Time, d.Reward = s.conversionTime, s.rewardID(s.Reward)
	return []pipeline.Draw{d}, true
}

// drawOn begins a draw on an account, which is loaded.
func (l *Ledgers) drawOn(account string, op pipeline.DrawOp) pipeline.Draw {
	a := l.accounts.read(accountKey(account))
	before := a.Drawn
	if before == l.batch.Number {
		before = a.before
	}
	return pipeline.Draw{Budget: account, Limit: l.limitOf(account), Before: before, Op: op}
}

// drew remembers that this batch drew on an account.
func (l *Ledgers) drew(account string) {
	a := l.accounts.write(accountKey(account))
	if a.Drawn != l.batch.Number {
		a.before, a.Drawn, a.Gives = a.Drawn, l.batch.Number, 0
	}
}

// has notes that a reward has so much more of its budget, or less. Its account is
// loaded.
func (t *Taking) has(s *spot, more int64) {
	s.Drawn += more
	t.ledgers.accounts.write(accountKey(s.Account)).Taken += more
}

// accountQueue counts the rewards of this partition in a budget's queue, and
// knows the budgets that somebody waits for.
func (l *Ledgers) accountQueue(account string, by int64) {
	a := l.accounts.write(accountKey(account))
	a.Waiting += by
	switch {
	case a.Waiting == 0:
		l.queues.leave(QueueBudgets, account)
	case by > 0 && a.Waiting == by:
		l.queues.join(QueueBudgets, account, l.ordinal())
	}
}

// Collect asks an account which rewards of this partition it has given room. Its
// value is loaded by the key of [AccountKey].
func (l *Ledgers) Collect(account string) pipeline.Draw {
	d := l.drawOn(account, pipeline.DrawCollect)
	d.ID = "collect/" + account
	return d
}

// Collected notes that an account was asked, under the present configuration.
func (l *Ledgers) Collected(account string) {
	l.drew(account)
	if l.accounts.read(accountKey(account)).Waiting > 0 {
		l.queues.join(QueueBudgets, account, l.ordinal())
	} else {
		l.queues.leave(QueueBudgets, account)
	}
}

// AccountKey is the key of an account's value.
func AccountKey(account string) string { return accountKey(account) }

// granted lets a reward through that its budget has given room, if its limit
// still admits it: else the room is given back, and it waits for the limit.
func (t *Taking) granted(account string, g pipeline.Grant) bool {
	s, found, ok := t.find(g.Ref)
	if !ok || t.lacks(t.ledgers.accounts.want(nil, accountKey(account))...) {
		return false
	}
	found = found && s.Waits == WaitBudget && s.Account == account
	if found && !t.loadedLimits(&s) {
		return false
	}
	if found {
		own := t.ownLimit(&s)
		if own == "" || admits(t.ledgers.limits.read(own), s.rule.Limit, s.Net > 0, s.money(s.Held)) {
			t.unqueue(&s)
			t.has(&s, g.Amount)
			t.release(&s)
			return true
		}
	}
	back := t.ledgers.drawOn(account, pipeline.DrawGive)
	back.Amount = g.Amount
	if _, ok := t.draw(back); !ok {
		return false
	}
	if found {
		t.unqueue(&s)
		t.wait(&s, WaitLimit)
	}
	return true
}

// queueAt holds the rewards of this partition that wait for an account, in the order
// of the budget's own queue: all that the budget knows of them.
func queueAt(account string) string { return QueueAccounts + account }

// QueueAccounts is how the keys of those queues begin.
const QueueAccounts = "q/u/"

// claimant is a member of an account's queue.
//
//	<reward id> <amount> <ref>
func (s *spot) claimant() string {
	amount, err := s.Rate.Convert(s.Net + s.Held)
	if err != nil { // it was converted when it joined
		amount = s.Drawn
	}
	return strings.Join([]string{s.rewardID(s.Reward), strconv.FormatInt(amount-s.Drawn, 10), s.ref(s.Reward)}, " ")
}

// Claimant is a reward that waits for a budget, as the partition remembers it.
type Claimant struct {
	Account string // the budget's whole name
	Reward  string
	Amount  int64 // in minor units of the budget
	Time    int64 // of the conversion
	Ref     string
}

// ClaimantOf reads a member of the partition's queues; false when the queue is not
// that of an account.
func ClaimantOf(m pipeline.QueueMember) (c Claimant, ok bool) {
	account, ok := strings.CutPrefix(m.Key, QueueAccounts)
	parts := strings.SplitN(m.Member, " ", 3)
	if !ok || len(parts) < 3 {
		return c, false
	}
	amount, err := strconv.ParseInt(parts[1], 10, 64)
	return Claimant{Account: account, Reward: parts[0], Amount: amount, Time: m.Rank, Ref: parts[2]}, err == nil
}

// AccountAt is the name of the account whose value has a key; false for other keys.
func AccountAt(key string) (account string, ok bool) { return strings.CutPrefix(key, accountKey("")) }

// Decode reads an account's value.
func (a *Account) Decode(value []byte) error {
	if err := decode(value, a); err != nil {
		return fmt.Errorf("read an account: %w", err)
	}
	return nil
}

// rateMember is a member of [QueueRates]: of two with one rank, the older goes first.
func (s *spot) rateMember() string {
	return fmt.Sprintf("%017d %s %s", s.conversionTime+rateOffset, s.rewardID(s.Reward), s.ref(s.Reward))
}

// rateOffset makes all times that events may have numbers of as many digits.
const rateOffset = 1 << 53

// Waiter is who a member of [QueueRates] stands for.
func Waiter(member string) (ref string) {
	parts := strings.SplitN(member, " ", 3)
	return parts[len(parts)-1]
}
