package reward_test

import (
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/grapevinehq/grapevine/pipeline/program"
	"github.com/grapevinehq/grapevine/pipeline/reward"
)

func TestPeriodName_is_as_the_contract_writes_it_in_the_programs_zone(t *testing.T) {
	newYork, berlin := zone(t, "America/New_York"), zone(t, "Europe/Berlin")
	for _, c := range []struct {
		kind program.Period
		at   string
		zone *time.Location
		want string
	}{
		{program.Lifetime, "2026-11-23T10:00:00Z", time.UTC, "lifetime"},
		{"", "2026-11-23T10:00:00Z", time.UTC, "lifetime"},
		{program.Year, "2026-11-23T10:00:00Z", time.UTC, "2026"},
		{program.Year, "2026-12-31T23:30:00Z", berlin, "2027"},
		{program.Year, "2027-01-01T04:59:59.999Z", newYork, "2026"},
		{program.Quarter, "2026-11-23T10:00:00Z", time.UTC, "2026-Q4"},
		{program.Quarter, "2026-04-01T00:00:00Z", time.UTC, "2026-Q2"},
		{program.Quarter, "2026-04-01T00:00:00Z", newYork, "2026-Q1"},
		{program.Month, "2026-11-01T03:59:00Z", newYork, "2026-10"},
		{program.Month, "2026-02-28T23:00:00Z", berlin, "2026-03"},
		{program.Week, "2026-11-16T00:00:00Z", time.UTC, "2026-W47"},
		{program.Week, "2026-11-15T23:59:59Z", time.UTC, "2026-W46"},
		{program.Week, "2027-01-03T12:00:00Z", time.UTC, "2026-W53"}, // ISO year, not the calendar's
		{program.Week, "2024-12-30T12:00:00Z", time.UTC, "2025-W01"},
	} {
		if got := reward.PeriodName(c.kind, instant(t, c.at), c.zone); got != c.want {
			t.Errorf("%s of %s in %s = %s, want %s", c.kind, c.at, c.zone, got, c.want)
		}
	}
}

func TestPeriodStart_is_the_first_instant_also_where_clocks_change_at_midnight(t *testing.T) {
	for _, c := range []struct {
		kind     program.Period
		at, zone string
		want     string
	}{
		{program.Year, "2026-11-23T10:00:00Z", "UTC", "2026-01-01T00:00:00Z"},
		{program.Quarter, "2026-11-23T10:00:00Z", "America/New_York", "2026-10-01T04:00:00Z"},
		{program.Month, "2026-11-23T10:00:00Z", "America/New_York", "2026-11-01T04:00:00Z"}, // before the clocks go back that day
		{program.Week, "2026-11-22T23:30:00Z", "Europe/Berlin", "2026-11-22T23:00:00Z"},
		{program.Week, "2026-11-22T22:30:00Z", "Europe/Berlin", "2026-11-15T23:00:00Z"},
		{program.Week, "2027-01-01T00:00:00Z", "UTC", "2026-12-28T00:00:00Z"},
		{program.Month, "2017-10-20T00:00:00Z", "America/Asuncion", "2017-10-01T04:00:00Z"}, // 00:00 was skipped
		{program.Month, "2020-11-20T00:00:00Z", "America/Havana", "2020-11-01T04:00:00Z"},   // 00:00 came twice
	} {
		start, ok := reward.PeriodStart(c.kind, instant(t, c.at), zone(t, c.zone))
		if got := time.UnixMilli(start).UTC().Format(time.RFC3339); !ok || got != c.want {
			t.Errorf("%s of %s in %s starts %s, want %s", c.kind, c.at, c.zone, got, c.want)
		}
	}
	if _, ok := reward.PeriodStart(program.Lifetime, 0, time.UTC); ok {
		t.Error("a lifetime has a first instant")
	}
}

func TestPeriodStart_lies_in_its_period_and_the_instant_before_does_not(t *testing.T) {
	kinds := rapid.SampledFrom([]program.Period{program.Year, program.Quarter, program.Month, program.Week})
	zones := rapid.SampledFrom([]*time.Location{
		time.UTC, zone(t, "America/New_York"), zone(t, "Asia/Kolkata"), zone(t, "America/Asuncion"), zone(t, "America/Havana"), zone(t, "Pacific/Apia"),
	})
	rapid.Check(t, func(t *rapid.T) {
		kind, in := kinds.Draw(t, "kind"), zones.Draw(t, "zone")
		at := rapid.Int64Range(date(1990, 1, 1), date(2040, 1, 1)).Draw(t, "at")
		start, _ := reward.PeriodStart(kind, at, in)
		name := reward.PeriodName(kind, at, in)
		if start > at || reward.PeriodName(kind, start, in) != name || reward.PeriodName(kind, start-1, in) == name {
			t.Fatalf("%s of %d in %s: start %d", name, at, in, start)
		}
	})
}

func instant(t *testing.T, text string) int64 {
	t.Helper()
	at, err := time.Parse(time.RFC3339, text)
	if err != nil {
		t.Fatal(err)
	}
	return at.UnixMilli()
}

func TestDay_is_that_of_the_zone(t *testing.T) {
	at := instant(t, "2026-11-23T03:00:00Z")
	for name, want := range map[string]int32{"UTC": 20_780, "America/New_York": 20_779, "Asia/Kolkata": 20_780} {
		if got := reward.Day(at, zone(t, name)); got != want {
			t.Errorf("in %s: %d, want %d", name, got, want)
		}
	}
}

func TestPeriodEnd_is_where_the_next_period_begins(t *testing.T) {
	if _, ok := reward.PeriodEnd(program.Lifetime, 0, time.UTC); ok {
		t.Error("a lifetime ends")
	}
	zones := []*time.Location{time.UTC}
	for _, name := range []string{"America/New_York", "Europe/Berlin", "America/Asuncion", "America/Havana", "Pacific/Apia", "Asia/Kathmandu"} {
		zones = append(zones, zone(t, name))
	}
	rapid.Check(t, func(t *rapid.T) {
		kind := rapid.SampledFrom([]program.Period{program.Week, program.Month, program.Quarter, program.Year}).Draw(t, "kind")
		at := rapid.Int64Range(-2_000_000_000_000, 10_000_000_000_000).Draw(t, "at")
		z := rapid.SampledFrom(zones).Draw(t, "zone")
		end, ok := reward.PeriodEnd(kind, at, z)
		now, before, after := reward.PeriodName(kind, at, z), reward.PeriodName(kind, end-1, z), reward.PeriodName(kind, end, z)
		if !ok || end <= at || before != now || after == now {
			t.Fatalf("%s %s ends at %d: before it %s, then %s", kind, now, end, before, after)
		}
		if start, _ := reward.PeriodStart(kind, end, z); start != end {
			t.Fatalf("the next starts at %d, not %d", start, end)
		}
	})
}
