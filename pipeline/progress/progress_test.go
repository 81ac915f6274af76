package progress_test

import (
	"encoding/json"
	"fmt"
	"math"
	"math/big"
	"slices"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/grapevinehq/grapevine/pipeline/event"
	"github.com/grapevinehq/grapevine/pipeline/program"
	"github.com/grapevinehq/grapevine/pipeline/progress"
	"github.com/grapevinehq/grapevine/pipeline/reward"
)

func ms(t testing.TB, text string) int64 {
	t.Helper()
	at, err := time.Parse(time.RFC3339, text)
	if err != nil {
		t.Fatal(err)
	}
	return at.UnixMilli()
}

func zone(t testing.TB, name string) *time.Location {
	t.Helper()
	z, err := time.LoadLocation(name)
	if err != nil {
		t.Fatal(err)
	}
	return z
}

// shop is a program with a rule of each metric.
func shop(t testing.TB) *program.Program {
	cash := func(minor int64) []program.Reward {
		return []program.Reward{{ID: "cash", Type: "cash", AmountMinor: minor}}
	}
	return &program.Program{OrgID: "o", ID: "p", Name: "Shop", Versions: []*program.Version{{
		ValidFrom: ms(t, "2026-01-01T00:00:00Z"), ValidTo: ms(t, "2028-01-01T00:00:00Z"), ValidFromRaw: "2026-01-01T00:00:00Z",
		Currency: "EUR", Locale: "en", Zone: zone(t, "Europe/Berlin"),
		Rules: []*program.Rule{
			{ID: "friends", Type: program.Tiers, Metric: program.Conversions, Period: program.Lifetime,
				Name: map[string]string{"en": "{{tier}}: {{metric}} of {{threshold}} for {{amount}} {{currency}}{{quantity}}", "de": "Stufe {{tier}}"},
				Tiers: []program.Tier{
					{ID: "bronze", Threshold: 2, Rewards: []program.Reward{{ID: "pts", Type: "points", Quantity: 500, Unit: "points"}}},
					{ID: "gold", Threshold: 4, RepeatEvery: 3, Rewards: cash(12345)},
				}},
			{ID: "revenue", Type: program.Tiers, Metric: program.Revenue, Period: program.Month,
				Tiers: []program.Tier{{ID: "k1", Threshold: 100_000, Rewards: append(cash(500), program.Reward{ID: "mug", Type: "custom", Quantity: 1, Unit: "mug"})}}},
			{ID: "points", Type: program.Tiers, Metric: program.Points, Period: program.Quarter, PointsOf: map[event.Kind]int64{event.KindLead: 1, event.KindSale: 20},
				Tiers: []program.Tier{{ID: "x", Threshold: 30, Rewards: cash(1)}}},
			{ID: "share", Type: program.PerConversion},
		},
	}}}
}

// answered makes an answer in which each rule's only window has these sums.
func answered(sums ...progress.Sum) progress.Answer { return progress.Answer{Sums: sums} }

func sum(window int, kind event.Kind, ppm, minor int64) progress.Sum {
	return progress.Sum{Window: window, Kind: kind, PPM: ppm, Minor: big.NewInt(minor)}
}

func TestTell_metrics_tiers_and_what_is_missing(t *testing.T) {
	for name, c := range map[string]struct {
		answer progress.Answer
		rule   int
		want   string // value; held tiers; next, missing
	}{
		"nothing yet":                  {answered(), 0, "0; ; bronze 2"},
		"a part of a conversion":       {answered(sum(0, event.KindSale, 1_333_333, 0)), 0, "1.333333; ; bronze 0.666667"},
		"exactly a threshold":          {answered(sum(0, event.KindSale, 1_500_000, 0), sum(0, event.KindLead, 500_000, 0)), 0, "2; bronze; gold 2"},
		"one ppm short":                {answered(sum(0, event.KindSale, 3_999_999, 0)), 0, "3.999999; bronze; gold 0.000001"},
		"the last tier, then its step": {answered(sum(0, event.KindSale, 4_000_000, 0)), 0, "4; bronze gold; gold+1 3"},
		"steps":                        {answered(sum(0, event.KindSale, 11_250_000, 0)), 0, "11.25; bronze gold x2; gold+3 1.75"},
		"revenue in minor units":       {answered(sum(1, event.KindSale, 9, 99_999)), 1, "99999; ; k1 1"},
		"nothing comes after":          {answered(sum(1, event.KindSale, 9, 100_000)), 1, "100000; k1; "},
		"points weigh by kind":         {answered(sum(2, event.KindSale, 1_000_000, 7), sum(2, event.KindLead, 2_500_000, 7), sum(2, event.KindRenewal, 9_000_000, 7)), 2, "22.5; ; x 7.5"},
		"beyond what a threshold can be": {answered(progress.Sum{Window: 1, Minor: new(big.Int).Lsh(big.NewInt(1), 70)}), 1,
			"1180591620717411303424; k1; "},
	} {
		t.Run(name, func(t *testing.T) {
			p := progress.Ask(shop(t), "ann", ms(t, "2026-11-24T10:00:00Z")).Tell(c.answer)
			if got := shown(&p.Rules[c.rule]); got != c.want {
				t.Errorf("got %q, want %q", got, c.want)
			}
		})
	}
}

func shown(r *progress.Rule) string {
	var held []string
	for _, tier := range r.Tiers {
		if tier.Held {
			held = append(held, tier.TierID)
		}
		if tier.Steps > 0 {
			held = append(held, fmt.Sprint("x", tier.Steps))
		}
	}
	next := ""
	if r.Next != nil {
		next = r.Next.TierID + " " + r.Next.Missing.String()
	}
	return r.Value.String() + "; " + strings.Join(held, " ") + "; " + next
}

func TestTell_the_last_step_there_is(t *testing.T) {
	p := shop(t)
	p.Versions[0].Rules[1].Tiers[0].RepeatEvery = math.MaxInt64 / 2
	told := progress.Ask(p, "ann", ms(t, "2026-11-24T10:00:00Z")).Tell(answered(progress.Sum{Window: 1, Minor: big.NewInt(math.MaxInt64)}))
	if next := told.Rules[1].Next; next != nil {
		t.Errorf("next %+v", next)
	}
}

func TestTell_periods_and_texts(t *testing.T) {
	asked := progress.Ask(shop(t), "ann", ms(t, "2026-10-31T23:30:00Z")) // November in Berlin
	a := answered(sum(0, event.KindSale, 1_000_000, 0))
	p := asked.Tell(a)
	var got []string
	for _, r := range p.Rules {
		span := ""
		if r.PeriodStart != nil {
			span = r.PeriodStart.Format(time.RFC3339) + " " + r.PeriodEnd.Format(time.RFC3339)
		}
		got = append(got, r.Period+" "+span)
	}
	want := []string{"lifetime ", "2026-11 2026-10-31T23:00:00Z 2026-11-30T23:00:00Z", "2026-Q4 2026-09-30T22:00:00Z 2026-12-31T23:00:00Z"}
	if !slices.Equal(got, want) {
		t.Errorf("periods\n got %q\nwant %q", got, want)
	}
	tiers := p.Rules[0].Tiers
	if tiers[0].Name != "bronze: 1 of 2 for  500" || tiers[1].Name != "gold: 1 of 4 for 123.45 EUR" || p.Rules[1].Tiers[0].Name != "" || p.Rules[0].Next.Name != tiers[0].Name {
		t.Errorf("names %q, %q", tiers[0].Name, tiers[1].Name)
	}
	if tiers[0].Offers[0] != (progress.Offer{Reward: "pts", RewardType: "points", Quantity: 500, Unit: "points"}) ||
		tiers[1].Offers[0] != (progress.Offer{Reward: "cash", RewardType: "cash", AmountMinor: 12345, Currency: "EUR"}) {
		t.Errorf("offers %+v, %+v", tiers[0].Offers, tiers[1].Offers)
	}
	a.Member = progress.Member{Known: true, Status: event.Banned, Locale: "de-AT"}
	if p = asked.Tell(a); p.Rules[0].Tiers[0].Name != "Stufe bronze" || p.MemberStatus != "banned" {
		t.Errorf("name %q, status %s", p.Rules[0].Tiers[0].Name, p.MemberStatus)
	}
}

func TestTell_adds_up_rewards_and_tells_those_of_a_tier_apart(t *testing.T) {
	asked := progress.Ask(shop(t), "ann", ms(t, "2026-11-24T10:00:00Z"))
	a := progress.Answer{Rewards: []progress.Rewards{
		{Balance: progress.Balance{Unit: "points", Earned: 5, Approved: 5, Net: 5}},
		{Balance: progress.Balance{Currency: "EUR", Earned: 100, Pending: 60, Approved: 20, Net: 80, Reversed: 20, Fulfilled: 30}},
		{Of: progress.Tier{RuleID: "friends", Period: "lifetime", TierID: "bronze"}, Balance: progress.Balance{Unit: "points", Earned: 500, Approved: 500, Net: 500}},
		{Of: progress.Tier{RuleID: "friends", Period: "lifetime", TierID: "gold"}, Balance: progress.Balance{Currency: "EUR", Earned: 7, Reversed: 7, Fulfilled: 7, Overpaid: 7}},
		{Of: progress.Tier{RuleID: "revenue", Period: "2026-11", TierID: "k1"}, Balance: progress.Balance{Currency: "EUR", Held: 9}},
	}}
	p := asked.Tell(a)
	want := []progress.Balance{
		{Currency: "EUR", Earned: 107, Pending: 60, Approved: 20, Net: 80, Reversed: 27, Fulfilled: 37, Held: 9},
		{Unit: "points", Earned: 505, Approved: 505, Net: 505},
	}
	if !slices.Equal(p.Rewards, want) {
		t.Errorf("rewards %+v", p.Rewards)
	}
	// What was earned by an earlier version's threshold is held, whatever the metric says now.
	for rule, want := range []string{"0; bronze; gold 4", "0; k1; ", "0; ; x 30"} {
		if got := shown(&p.Rules[rule]); got != want {
			t.Errorf("rule %d: got %q, want %q", rule, got, want)
		}
	}
	if got := p.Rules[0].Tiers[1].Rewards; len(got) != 1 || got[0].Reversed != 7 {
		t.Errorf("rewards of gold %+v", got)
	}
}

func TestAsk_outside_of_every_version(t *testing.T) {
	for at, active := range map[string]bool{"2025-12-31T23:59:59Z": false, "2026-01-01T00:00:00Z": true, "2027-12-31T23:59:59Z": true, "2028-01-01T00:00:00Z": false} {
		p := progress.Ask(shop(t), "ann", ms(t, at)).Tell(progress.Answer{})
		if p.Active != active || p.ProgramVersion != "2026-01-01T00:00:00Z" || len(p.Rules) != 3 || p.MemberStatus != "unknown" {
			t.Errorf("at %s: %+v", at, p)
		}
	}
}

func TestTell_writes_lists_that_are_empty_and_numbers_as_they_are(t *testing.T) {
	p := progress.Ask(shop(t), "ann", ms(t, "2026-11-24T10:00:00Z")).Tell(answered(sum(0, event.KindSale, 100_000, 0)))
	text, err := json.Marshal(p)
	if err != nil || strings.Contains(string(text), `":null`) && strings.Count(string(text), ":null") != 2 || !strings.Contains(string(text), `"value":0.1,`) {
		t.Errorf("%v: %s", err, text)
	}
}

// credited is a conversion of the property below.
type credited struct {
	at      int64
	kind    event.Kind
	ppm     int64
	minor   int64
	counted bool
}

// What windows add up to is what the ledger's own functions make of every single
// credit, over versions that change the rule, its period, its zone and weights.
func TestAsk_windows_hold_what_the_ledger_counts(t *testing.T) {
	zones := []*time.Location{time.UTC, zone(t, "America/New_York"), zone(t, "Asia/Tokyo"), zone(t, "Pacific/Apia")}
	const hour = int64(3_600_000)
	var borders []int64 // of weeks, months, quarters, years
	for _, text := range []string{"2026-01-01T00:00:00Z", "2026-02-01T00:00:00Z", "2026-04-01T00:00:00Z", "2026-04-06T00:00:00Z", "2026-06-15T00:00:00Z", "2027-01-01T00:00:00Z"} {
		borders = append(borders, ms(t, text))
	}
	rapid.Check(t, func(t *rapid.T) {
		when := rapid.Custom(func(t *rapid.T) int64 {
			return rapid.SampledFrom(borders).Draw(t, "border") + rapid.Int64Range(-15, 15).Draw(t, "hours")*hour - rapid.Int64Range(0, 1).Draw(t, "ms")
		})
		p := &program.Program{OrgID: "o", ID: "p"}
		starts := rapid.SliceOfNDistinct(when, 1, 4, rapid.ID[int64]).Draw(t, "versions")
		slices.Sort(starts)
		for _, from := range starts {
			v := &program.Version{ValidFrom: from, Zone: rapid.SampledFrom(zones).Draw(t, "zone"), Currency: "EUR"}
			if rapid.IntRange(0, 3).Draw(t, "ends") == 0 {
				v.ValidTo = from + rapid.Int64Range(1, 2000).Draw(t, "length")*hour
			}
			if rapid.IntRange(0, 4).Draw(t, "has the rule") > 0 {
				v.Rules = []*program.Rule{{
					ID: "r", Type: program.Tiers, Metric: rapid.SampledFrom([]program.Metric{program.Conversions, program.Revenue, program.Points}).Draw(t, "metric"),
					Period:   rapid.SampledFrom([]program.Period{program.Lifetime, program.Year, program.Quarter, program.Month, program.Week}).Draw(t, "period"),
					PointsOf: map[event.Kind]int64{event.KindSale: rapid.Int64Range(0, 50).Draw(t, "weight")},
				}}
			}
			p.Versions = append(p.Versions, v)
		}
		all := rapid.SliceOfN(rapid.Custom(func(t *rapid.T) credited {
			return credited{when.Draw(t, "at"), rapid.SampledFrom([]event.Kind{event.KindSale, event.KindLead}).Draw(t, "kind"),
				rapid.Int64Range(1, 1_000_000).Draw(t, "ppm"), rapid.Int64Range(0, 1000).Draw(t, "minor"), rapid.Bool().Draw(t, "counts")}
		}), 0, 20).Draw(t, "credits")
		now := when.Draw(t, "now")

		a := progress.Ask(p, "m", now)
		version, _ := p.At(now)
		if len(version.Rules) == 0 {
			if len(a.Windows) != 0 || len(a.Tell(progress.Answer{}).Rules) != 0 {
				t.Fatalf("windows %+v for no rule", a.Windows)
			}
			return
		}
		want := new(big.Int)
		var answer progress.Answer
		for _, c := range all {
			v, active := p.At(c.at)
			if !c.counted {
				continue
			}
			for i, w := range a.Windows {
				if w.From <= c.at && c.at < w.Until {
					answer.Sums = append(answer.Sums, sum(i, c.kind, c.ppm, c.minor))
				}
			}
			if !active || len(v.Rules) == 0 {
				continue
			}
			if reward.PeriodName(v.Rules[0].Period, c.at, v.Zone) != reward.PeriodName(version.Rules[0].Period, now, version.Zone) {
				continue
			}
			credit := &event.Credit{Role: event.RoleReferrer, Kind: c.kind, CreditPPM: c.ppm, NetMinor: c.minor, Shares: []int64{1_000_000}}
			want.Add(want, big.NewInt(reward.Metric(v.Rules[0], credit)))
		}
		got := a.Tell(answer).Rules[0].Value.String()
		unit := big.NewRat(1, 1)
		if version.Rules[0].Metric != program.Revenue {
			unit = big.NewRat(1, 1_000_000)
		}
		value, _ := new(big.Rat).SetString(got)
		if value.Cmp(unit.Mul(unit, new(big.Rat).SetInt(want))) != 0 {
			t.Fatalf("value %s of a sum of %s; windows %+v", got, want, a.Windows)
		}
	})
}
