package reward

import (
	"testing"

	"github.com/grapevinehq/grapevine/pipeline/event"
	"github.com/grapevinehq/grapevine/pipeline/program"
)

// Lifetime figures are read by segments alone, so they are looked at in the store.
func TestLifetime_counts_each_conversion_once(t *testing.T) {
	store := map[string][]byte{}
	take := func(c event.Credit) *Lifetime {
		ledgers := NewLedgers(RulesOf(&program.Catalog{}), Batch{})
		taking := ledgers.TakeCredit("0", &c)
		for _, key := range taking.Advance().Keys {
			if err := ledgers.Load(key, store[key]); err != nil {
				t.Fatal(err)
			}
		}
		taking.Advance()
		changed, err := ledgers.Writes()
		if err != nil {
			t.Fatal(err)
		}
		for _, v := range changed.Set {
			store[v.Key] = v.Value
		}
		var figures Lifetime
		if data, ok := store[lifetimeKey(Person{c.OrgID, c.BeneficiaryID})]; ok {
			if err := decode(data, &figures); err != nil {
				t.Fatal(err)
			}
		}
		return &figures
	}
	credit := func(program, conversion string, sequence, net int64, counts bool, at int64) event.Credit {
		return event.Credit{
			OrgID: "o", ProgramID: program, ConversionID: conversion, Sequence: sequence, BeneficiaryID: "ann", Role: event.RoleReferrer,
			ConversionTime: at, NetMinor: net, Counts: counts, CreditPPM: 600_000, Shares: []int64{400_000, 600_000}, Index: 1,
		}
	}
	for i, c := range []struct {
		credit                     event.Credit
		conversions, revenue, last int64
	}{
		{credit("p", "a", 0, 1000, true, 50), 600_000, 600, 50},
		{credit("q", "a", 0, 500, true, 40), 1_200_000, 900, 50}, // another program of the org
		{credit("p", "a", 1, 100, true, 50), 1_200_000, 360, 50},
		{credit("p", "a", 0, 1000, true, 50), 1_200_000, 360, 50}, // repeated
		{credit("p", "a", 2, 0, false, 50), 600_000, 300, 50},
		{credit("p", "a", 3, 200, true, 50), 1_200_000, 420, 50},
	} {
		got := take(c.credit)
		if got.ConversionsPPM != c.conversions || got.RevenueMinor.Int64() != c.revenue || got.LastConversionAt != c.last {
			t.Errorf("after credit %d: %d ppm, %s minor, last %d; want %d, %d, %d",
				i, got.ConversionsPPM, &got.RevenueMinor, got.LastConversionAt, c.conversions, c.revenue, c.last)
		}
	}
	referee := credit("p", "b", 0, 700, true, 60)
	referee.Role, referee.Index = event.RoleReferee, -1
	if got := take(referee); got.ConversionsPPM != 1_200_000 {
		t.Errorf("a referee's credit counts: %d", got.ConversionsPPM)
	}
}

// Whatever stands in the store is refused or taken for what it says: nothing
// that decodes stops a worker.
func FuzzLoad(f *testing.F) {
	credit := event.Credit{
		OrgID: "o", ProgramID: "p", ConversionID: "c", BeneficiaryID: "ann", Role: event.RoleReferrer, Sequence: 5,
		CreditPPM: 1_000_000, Shares: []int64{1_000_000},
	}
	for _, v := range []any{
		Lifetime{ConversionsPPM: 3},
		Entry{Next: 1, Parts: []Part{{Rule: "m", Period: "lifetime", Amount: 7}, {Rule: "b", Reward: "x", Period: "2026", Amount: 9}}},
		Tally{Tiers: []TierHeld{{Tier: "t", Held: true, Occurrence: 1, Threshold: 1, Steps: 2, Rewards: []Reward{{ID: "x", Net: 3}}}}},
		Chain{Total: 4, Newest: "other"},
	} {
		data, err := encode(v)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(data)
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		ledgers := NewLedgers(RulesOf(&program.Catalog{}), Batch{})
		taking := ledgers.TakeCredit("0", &credit)
		for range 10 {
			needs := taking.Advance()
			if len(needs.Keys) == 0 {
				return
			}
			for _, key := range needs.Keys {
				if ledgers.Load(key, data) != nil {
					return
				}
			}
		}
	})
}

func TestLoad_refuses_an_encoding_it_does_not_know(t *testing.T) {
	for name, c := range map[string]struct{ key, data string }{
		"unknown version": {"c/x", "\x03\xa0"}, "empty": {"c/x", ""}, "torn": {"c/x", "\x01\xa1"}, "unknown kind": {"x/x", "\x01\xa0"},
	} {
		if err := NewLedgers(RulesOf(&program.Catalog{}), Batch{}).Load(c.key, []byte(c.data)); err == nil {
			t.Errorf("%s was loaded", name)
		}
	}
}
