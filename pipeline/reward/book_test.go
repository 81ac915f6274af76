package reward_test

import (
	"maps"
	"slices"
	"testing"
	"time"

	"github.com/grapevinehq/grapevine/pipeline/event"
	"github.com/grapevinehq/grapevine/pipeline/program"
	"github.com/grapevinehq/grapevine/pipeline/reward"
)

// tester is what *testing.T and *rapid.T have in common here.
type tester interface {
	Helper()
	Fatalf(format string, args ...any)
}

// book takes credits as a worker does, one batch a credit: every value it needs
// is read from store, and what changed is written back.
type book struct {
	t        tester
	catalog  *program.Catalog
	store    map[string][]byte
	events   []reward.Event
	repeated int
	rounds   int // of reading, in all
}

func newBook(t tester, c *program.Catalog) *book {
	return &book{t: t, catalog: c, store: map[string][]byte{}}
}

// take books one credit and returns its events.
func (b *book) take(c event.Credit) []reward.Event {
	b.t.Helper()
	ledgers := reward.NewLedgers()
	for {
		taken := ledgers.Take(b.catalog.Program(c.OrgID, c.ProgramID), &c)
		if len(taken.Missing) > 0 {
			b.rounds++
			for _, key := range taken.Missing {
				if err := ledgers.Load(key, b.store[key]); err != nil {
					b.t.Fatalf("load: %v", err)
				}
			}
			continue
		}
		if taken.Repeated {
			b.repeated++
		}
		changed, err := ledgers.Changed()
		if err != nil {
			b.t.Fatalf("changed: %v", err)
		}
		for _, v := range changed {
			b.store[v.Key] = v.Data
		}
		b.events = append(b.events, taken.Events...)
		return taken.Events
	}
}

// nets adds the events up by what name makes of them, zeros left out.
func (b *book) nets(name func(*reward.Event) string) map[string]int64 {
	nets := map[string]int64{}
	for i := range b.events {
		nets[name(&b.events[i])] += signed(&b.events[i])
	}
	maps.DeleteFunc(nets, func(_ string, n int64) bool { return n == 0 })
	return nets
}

// check holds the events against what they say of themselves: sequences without
// gaps, amounts above zero, and the remaining value.
func (b *book) check() {
	b.t.Helper()
	type state struct{ net, sequence int64 }
	rewards := map[string]state{}
	for i := range b.events {
		e := &b.events[i]
		s := rewards[e.RewardID]
		s.net += signed(e)
		s.sequence++
		if e.Amount <= 0 || e.Sequence != s.sequence || e.Remaining != s.net || s.net < 0 {
			b.t.Fatalf("event %+v does not follow from net %d, sequence %d", *e, s.net, s.sequence)
		}
		if (e.Type == reward.Earned) != (e.Sequence == 1) {
			b.t.Fatalf("%s has sequence %d", e.Type, e.Sequence)
		}
		if (e.Status == reward.StatusReversed) != (e.Remaining == 0) {
			b.t.Fatalf("status %s with %d remaining", e.Status, e.Remaining)
		}
		rewards[e.RewardID] = s
	}
}

func signed(e *reward.Event) int64 {
	if e.Type == reward.Reversed {
		return -e.Amount
	}
	return e.Amount
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
