package reward_test

import (
	"bufio"
	"encoding/json"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/grapevinehq/grapevine/pipeline/event"
	"github.com/grapevinehq/grapevine/pipeline/program"
	"github.com/grapevinehq/grapevine/pipeline/reward"
)

// The worked case in testdata/golden has four programs that use every kind of
// rule: the credits of its conversions and adjustments as attribution hands
// them over, and the net of every reward after all of them, as another
// implementation of the contract computed it.

// goldenReward is one net value: of a reward id (per_conversion), of a tier and
// period over all occurrences, or of a bracket's period.
type goldenReward struct {
	Org         string `json:"org"`
	Program     string `json:"program"`
	Rule        string `json:"rule"`
	Reward      string `json:"reward"`
	Beneficiary string `json:"beneficiary"`
	Role        string `json:"role"`
	Unit        string `json:"unit"`
	Net         int64  `json:"net"`
	Kind        string `json:"kind"`
	RewardID    string `json:"reward_id"`
	Tier        string `json:"tier"`
	Period      string `json:"period"`
}

func (g goldenReward) key() string {
	return strings.Join([]string{
		g.Org, g.Program, g.Rule, g.Reward, g.Beneficiary, g.Role, g.Unit, g.RewardID, g.Tier, g.Period,
	}, " | ")
}

func TestGolden_net_rewards_are_those_of_the_worked_case(t *testing.T) {
	want := map[string]int64{}
	for _, g := range readLines[goldenReward](t, "testdata/golden/rewards.jsonl") {
		want[g.key()] = g.Net
	}
	book := newBook(t, goldenCatalog(t))
	for _, c := range readLines[event.Credit](t, "testdata/golden/credits.jsonl") {
		book.take(c)
	}
	got := map[string]int64{}
	for _, e := range book.events {
		got[goldenKey(&e)] += signed(&e)
	}
	for key, net := range want {
		if got[key] != net {
			t.Errorf("%s: net %d, want %d", key, got[key], net)
		}
	}
	for key, net := range got {
		if _, ok := want[key]; !ok && net != 0 {
			t.Errorf("%s: net %d, want nothing", key, net)
		}
	}
}

func goldenKey(e *reward.Event) string {
	g := goldenReward{
		Org: e.OrgID, Program: e.ProgramID, Rule: e.RuleID, Reward: e.Reward, Beneficiary: e.BeneficiaryID,
		Role: string(e.BeneficiaryRole), Unit: e.Currency + e.Unit, RewardID: e.RewardID, Tier: e.TierID, Period: e.Period,
	}
	if e.TierID != "" || e.RuleID == "accelerator" {
		g.RewardID = ""
	}
	return g.key()
}

func readLines[T any](t *testing.T, path string) []T {
	t.Helper()
	file, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	var all []T
	lines := bufio.NewScanner(file)
	for lines.Scan() {
		var v T
		if err := json.Unmarshal(lines.Bytes(), &v); err != nil {
			t.Fatalf("%s: %v", path, err)
		}
		all = append(all, v)
	}
	if err := lines.Err(); err != nil || len(all) == 0 {
		t.Fatalf("%s has %d lines: %v", path, len(all), err)
	}
	return all
}

// goldenCatalog has the rules of testdata/golden: filters were applied when the
// credits were made, so they are not repeated here.
func goldenCatalog(t *testing.T) *program.Catalog {
	milestones := &program.Rule{
		ID: "milestones", Type: program.Tiers, Metric: program.Conversions, Period: program.Lifetime,
		Name:    map[string]string{"en": "Milestone {{tier}}", "de": "Meilenstein {{tier}}"},
		Message: map[string]string{"en": "You referred {{metric}} friends.", "de": "Du hast {{metric}} Freunde geworben."},
		Tiers: []program.Tier{
			{ID: "bronze", Threshold: 3, Rewards: []program.Reward{{ID: "pts", Type: "points", Quantity: 500, Unit: "points"}}},
			{ID: "silver", Threshold: 5, Rewards: []program.Reward{{ID: "card", Type: "gift_card", AmountMinor: 2500}}},
			{ID: "gold", Threshold: 10, RepeatEvery: 5, Rewards: []program.Reward{
				{ID: "cash", Type: "cash", AmountMinor: 10000},
				{ID: "perk", Type: "custom", Quantity: 1, Unit: "backstage-pass"},
			}},
		},
	}
	giveAndGet := func(get, give int64) *program.Rule {
		return &program.Rule{
			ID: "give-and-get", Type: program.PerConversion, Period: program.Lifetime, FirstOnly: true, Hold: 336 * time.Hour,
			Rewards: []program.Reward{
				{ID: "get", To: program.ToReferrer, Type: "credit", AmountMinor: get},
				{ID: "give", To: program.ToReferee, Type: "discount", AmountMinor: give},
			},
		}
	}
	year := date(2025, 1, 1)
	return catalog(
		programOf("acme", "us-store",
			version(year, "USD", zone(t, "America/New_York"), milestones, giveAndGet(1000, 500)),
			version(date(2025, 4, 15), "USD", zone(t, "America/New_York"), milestones, giveAndGet(1500, 1000))),
		programOf("acme", "eu-store", version(year, "EUR", zone(t, "Europe/Berlin"), milestones, &program.Rule{
			ID: "commission", Type: program.PerConversion, Period: program.Lifetime, Hold: 720 * time.Hour,
			Rewards: []program.Reward{{
				ID: "share", To: program.ToReferrer, Type: "cash", HasBasisPoints: true, BasisPoints: 500, HasMax: true, MaxAmountMinor: 5000,
			}},
		})),
		programOf("acme", "partners", version(year, "EUR", time.UTC,
			&program.Rule{
				ID: "accelerator", Type: program.PerConversion, Period: program.Quarter, Hold: 720 * time.Hour,
				Rewards: []program.Reward{{ID: "share", To: program.ToReferrer, Type: "cash", Brackets: accelerator}},
			},
			&program.Rule{
				ID: "pipeline", Type: program.Tiers, Metric: program.Points, Period: program.Month,
				PointsOf: map[event.Kind]int64{event.KindLead: 1, event.KindSignup: 5, event.KindSale: 20},
				Tiers: []program.Tier{
					{ID: "m100", Threshold: 100, Rewards: []program.Reward{{ID: "bonus", Type: "cash", AmountMinor: 20000}}},
					{ID: "m500", Threshold: 500, Rewards: []program.Reward{{ID: "bonus", Type: "cash", AmountMinor: 150000}}},
				},
			})),
		programOf("globex", "employees", version(year, "USD", time.UTC, &program.Rule{
			ID: "hires", Type: program.Tiers, Metric: program.Conversions, Period: program.Year,
			Tiers: []program.Tier{{ID: "first", Threshold: 1, RepeatEvery: 1, Rewards: []program.Reward{{ID: "bonus", Type: "cash", AmountMinor: 200000}}}},
		})),
	)
}

var accelerator = []program.Bracket{
	{FromMinor: 0, BasisPoints: 800}, {FromMinor: 1000000, BasisPoints: 1200}, {FromMinor: 5000000, BasisPoints: 1500},
}
