package reward_test

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"testing"
	"time"

	"github.com/grapevinehq/grapevine/pipeline"
	"github.com/grapevinehq/grapevine/pipeline/event"
	"github.com/grapevinehq/grapevine/pipeline/program"
	"github.com/grapevinehq/grapevine/pipeline/reward"
	"github.com/grapevinehq/grapevine/pipeline/volatile"
)

// tester is what *testing.T and *rapid.T have in common here.
type tester interface {
	Helper()
	Fatalf(format string, args ...any)
}

// book takes inputs as a worker does, one batch an input: every value it needs is
// read from its partition's memory, and what changed is written back.
type book struct {
	t        tester
	catalog  *program.Catalog
	revision int
	redis    *volatile.Store
	memory   pipeline.Memory
	number   uint64
	now      int64
	clicks   map[reward.Person]int64
	events   []reward.Event
	passages []reward.Passage
	repeated int
	rounds   int // of reading values, in all
}

func newBook(t tester, c *program.Catalog) *book { return partitionBook(t, c, volatile.New(), 0) }

// partitionBook is the book of one partition of those that share a Redis.
func partitionBook(t tester, c *program.Catalog, redis *volatile.Store, id int) *book {
	b := &book{t: t, catalog: c, redis: redis, now: date(2026, 11, 24), clicks: map[reward.Person]int64{}}
	var err error
	b.memory, _, err = redis.TakeOver(context.Background(), pipeline.Partition{Topic: "credits", Incarnation: "i", ID: id}, 1, nil)
	if err != nil {
		t.Fatalf("take over: %v", err)
	}
	return b
}

// take books one credit and returns its events.
func (b *book) take(c event.Credit) []reward.Event {
	b.t.Helper()
	return b.batch(func(l *reward.Ledgers) []*reward.Taking { return []*reward.Taking{l.TakeCredit("0", &c)} })
}

// batch takes inputs of different ledgers at once, and writes what changed.
func (b *book) batch(inputs func(*reward.Ledgers) []*reward.Taking) []reward.Event {
	b.t.Helper()
	b.number++
	bounds := pipeline.Bounds{Partition: pipeline.Partition{Topic: "credits", Incarnation: "i"}, Number: b.number, Time: b.now}
	ledgers := b.ledgers()
	var events []reward.Event
	for _, taking := range inputs(ledgers) {
		b.finish(bounds, ledgers, taking)
		if taking.Repeated {
			b.repeated++
		}
		events = append(events, taking.Events...)
		b.passages = append(b.passages, taking.Passages...)
	}
	writes, err := ledgers.Writes()
	b.must(err)
	_, err = b.memory.Fill(context.Background(), bounds, nil, nil, writes)
	b.must(err)
	for _, g := range ledgers.Gives() {
		b.must(b.memory.Give(context.Background(), bounds, []pipeline.Draw{g.Draw()}))
	}
	b.events = append(b.events, events...)
	return events
}

func (b *book) ledgers() *reward.Ledgers {
	ledgers := reward.NewLedgers(reward.RulesOf(b.catalog), reward.Batch{Number: b.number, Time: b.now, Revision: fmt.Sprint(b.revision)})
	b.load(ledgers, []string{reward.RevisionKey})
	ledgers.Revise()
	for p, n := range b.clicks {
		ledgers.LoadClicks(p, n)
	}
	return ledgers
}

// finish answers what a taking needs until it is done.
func (b *book) finish(bounds pipeline.Bounds, ledgers *reward.Ledgers, taking *reward.Taking) {
	b.t.Helper()
	for range 10_000 {
		needs := taking.Advance()
		if needs.None() {
			return
		}
		if len(needs.Keys) > 0 {
			b.rounds++
			b.load(ledgers, needs.Keys)
		}
		for _, ask := range needs.Queues {
			heads, err := b.memory.Heads(context.Background(), []pipeline.QueueAsk{ask})
			b.must(err)
			ledgers.LoadQueue(ask, heads[0])
		}
		if len(needs.Draws) > 0 {
			drawn, err := b.memory.Draw(context.Background(), bounds, needs.Draws)
			b.must(err)
			taking.Answer(drawn)
		}
	}
	b.t.Fatalf("a taking never ends")
}

func (b *book) load(ledgers *reward.Ledgers, keys []string) {
	values, err := b.memory.Get(context.Background(), keys)
	b.must(err)
	for i, key := range keys {
		b.must(ledgers.Load(key, values[i]))
	}
}

// value is what the memory holds under a key.
func (b *book) value(key string) string {
	values, err := b.memory.Get(context.Background(), []string{key})
	b.must(err)
	return string(values[0])
}

func (b *book) must(err error) {
	b.t.Helper()
	if err != nil {
		b.t.Fatalf("%v", err)
	}
}

// nets adds up what the rules give for rewards, withheld or not, by what name
// makes of them, zeros left out.
func (b *book) nets(name func(*reward.Event) string) map[string]int64 {
	last := map[string]*reward.Event{}
	for i := range b.events {
		last[b.events[i].RewardID] = &b.events[i]
	}
	nets := map[string]int64{}
	for _, e := range last {
		nets[name(e)] += e.Remaining + e.Withheld
	}
	maps.DeleteFunc(nets, func(_ string, n int64) bool { return n == 0 })
	return nets
}

// check holds the events against what they say of themselves: sequences without
// gaps, amounts above zero, what remains and what is withheld.
func (b *book) check() {
	b.t.Helper()
	type state struct {
		net, held, sequence int64
		earned              bool
	}
	rewards := map[string]state{}
	for i := range b.events {
		e := &b.events[i]
		s := rewards[e.RewardID]
		switch e.Type {
		case reward.Held:
			s.held += e.Amount
		case reward.Reversed:
			taken := min(s.held, e.Amount)
			s.held, s.net = s.held-taken, s.net-(e.Amount-taken)
		case reward.Approved:
			if e.Amount != s.net || e.Status != reward.StatusApproved {
				b.t.Fatalf("approved %+v of net %d", *e, s.net)
			}
		default:
			if s.held > 0 && e.Amount != s.held || (e.Type == reward.Earned) == s.earned {
				b.t.Fatalf("event %+v after net %d, held %d, earned %v", *e, s.net, s.held, s.earned)
			}
			s.held, s.net, s.earned = 0, s.net+e.Amount, true
		}
		s.sequence++
		if e.Amount <= 0 || e.Sequence != s.sequence || e.Remaining != s.net || e.Withheld != s.held || s.net < 0 {
			b.t.Fatalf("event %+v does not follow from net %d, held %d, sequence %d", *e, s.net, s.held, s.sequence)
		}
		if (e.Status == reward.StatusReversed) != (s.net == 0 && s.held == 0) || (e.Status == reward.StatusHeld) != (s.net == 0 && s.held > 0) {
			b.t.Fatalf("status %s with %d remaining and %d withheld", e.Status, e.Remaining, e.Withheld)
		}
		rewards[e.RewardID] = s
	}
}

func byID(e *reward.Event) string { return e.RewardID }

// bySlot names what contract §5 promises the net of: a reward id, but of tiers
// the tier and period, over all occurrences.
func bySlot(e *reward.Event) string {
	if e.TierID != "" {
		return e.ProgramID + "/" + e.RuleID + "/" + e.TierID + "/" + e.Reward + "/" + e.Period + "/" + e.BeneficiaryID
	}
	return e.RewardID
}

func catalog(programs ...*program.Program) *program.Catalog {
	c := &program.Catalog{Orgs: map[string]*program.Org{}}
	for _, p := range programs {
		if c.Orgs[p.OrgID] == nil {
			c.Orgs[p.OrgID] = &program.Org{ID: p.OrgID, Programs: map[string]*program.Program{}}
		}
		c.Orgs[p.OrgID].Programs[p.ID] = p
	}
	return c
}

func programOf(org, id string, versions ...*program.Version) *program.Program {
	return &program.Program{OrgID: org, ID: id, Versions: versions}
}

func version(from int64, currency string, zone *time.Location, rules ...*program.Rule) *program.Version {
	return &program.Version{
		ValidFrom: from, ValidFromRaw: time.UnixMilli(from).UTC().Format(time.RFC3339),
		Currency: currency, Locale: "en", Zone: zone, Rules: rules,
	}
}

// oneRule is a catalog of org o, program p, with these rules and nothing else.
func oneRule(rules ...*program.Rule) *program.Catalog {
	return catalog(programOf("o", "p", version(date(2026, 1, 1), "USD", time.UTC, rules...)))
}

// sale is a credit of 100 % of a sale in program o/p, for these rules.
func sale(conversion string, amount int64, rules ...string) event.Credit {
	slices.Sort(rules)
	return event.Credit{
		OrgID: "o", ProgramID: "p", ConversionID: conversion, BeneficiaryID: "ann", Role: event.RoleReferrer, CustomerID: "cid",
		Kind: event.KindSale, ConversionTime: date(2026, 11, 23), DecidedAt: date(2026, 11, 24), Currency: "USD",
		AmountMinor: amount, NetMinor: amount, Counts: true, CreditPPM: 1_000_000, Shares: []int64{1_000_000}, Rules: rules,
	}
}

// next is the credit of an adjustment: what is left, and whether it counts.
func next(c event.Credit, net int64, counts bool) event.Credit {
	c.Sequence++
	c.NetMinor, c.Counts = net, counts
	return c
}

func date(year int, month time.Month, day int) int64 {
	return time.Date(year, month, day, 0, 0, 0, 0, time.UTC).UnixMilli()
}

func zone(t *testing.T, name string) *time.Location {
	t.Helper()
	z, err := time.LoadLocation(name)
	if err != nil {
		t.Fatal(err)
	}
	return z
}
