package reward_test

import (
	"fmt"
	"math"
	"testing"
	"time"

	"github.com/grapevinehq/grapevine/pipeline/event"
	"github.com/grapevinehq/grapevine/pipeline/program"
	"github.com/grapevinehq/grapevine/pipeline/reward"
)

func cash(id string, amount int64) []program.Reward {
	return []program.Reward{{ID: id, Type: "cash", AmountMinor: amount}}
}

func tiersRule(metric program.Metric, tiers ...program.Tier) *program.Rule {
	return &program.Rule{ID: "m", Type: program.Tiers, Metric: metric, Period: program.Lifetime, Tiers: tiers}
}

func medals() *program.Rule {
	return tiersRule(program.Conversions,
		program.Tier{ID: "bronze", Threshold: 1, Rewards: cash("b", 100)},
		program.Tier{ID: "silver", Threshold: 2, Rewards: append(cash("s", 200), program.Reward{ID: "perk", Type: "custom", Quantity: 1, Unit: "pass"})},
		program.Tier{ID: "gold", Threshold: 3, Rewards: cash("g", 300), RepeatEvery: 2})
}

func tiersOf(events []reward.Event) string {
	text := ""
	for _, e := range events {
		text += fmt.Sprintf("%s %s %s#%d %d; ", e.Type, e.TierID, e.Reward, e.Occurrence, e.Amount)
	}
	return text
}

func expectTiers(t *testing.T, events []reward.Event, want string) {
	t.Helper()
	if got := tiersOf(events); got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
}

func TestTiers_every_tier_crossed_earns_and_steps_repeat(t *testing.T) {
	b := newBook(t, oneRule(medals()))
	for i, want := range []string{
		"earned bronze b#1 100; ",
		"earned silver s#1 200; earned silver perk#1 1; ",
		"earned gold g#1 300; ",
		"",
		"earned gold+1 g#1 300; ",
		"",
		"earned gold+2 g#1 300; ",
	} {
		expectTiers(t, b.take(sale(fmt.Sprint("c", i), 0, "m")), want)
	}
	b.check()
}

func TestTiers_several_are_crossed_at_once(t *testing.T) {
	rule := tiersRule(program.Revenue,
		program.Tier{ID: "a", Threshold: 100, Rewards: cash("x", 1)},
		program.Tier{ID: "b", Threshold: 200, Rewards: cash("x", 2)},
		program.Tier{ID: "c", Threshold: 300, Rewards: cash("x", 3), RepeatEvery: 100})
	b := newBook(t, oneRule(rule))
	expectTiers(t, b.take(sale("c1", 99, "m")), "")
	expectTiers(t, b.take(sale("c2", 451, "m")), "earned a x#1 1; earned b x#1 2; earned c x#1 3; earned c+1 x#1 3; earned c+2 x#1 3; ")
	b.check()
}

func TestTiers_reversal_below_the_threshold_and_the_next_occurrence(t *testing.T) {
	b := newBook(t, oneRule(medals()))
	credits := make([]event.Credit, 5)
	for i := range credits {
		credits[i] = sale(fmt.Sprint("c", i), 0, "m")
		b.take(credits[i])
	}
	lost := b.take(next(credits[0], 0, false))
	expectTiers(t, lost, "reversed gold+1 g#1 300; ")
	if lost[0].ConversionID != "c4" || lost[0].Status != reward.StatusReversed || lost[0].Reason != reward.ReasonBelowTier {
		t.Errorf("the reversal is %+v; the reward is for the conversion that crossed the tier", lost[0])
	}
	expectTiers(t, b.take(next(credits[1], 0, false)), "")
	expectTiers(t, b.take(next(credits[2], 0, false)), "reversed gold g#1 300; ")
	expectTiers(t, b.take(next(credits[3], 0, false)), "reversed silver s#1 200; reversed silver perk#1 1; ")
	expectTiers(t, b.take(next(credits[4], 0, false)), "reversed bronze b#1 100; ")

	again := b.take(sale("c9", 0, "m"))
	expectTiers(t, again, "earned bronze b#2 100; ")
	if again[0].Sequence != 1 || again[0].RewardID != reward.TierID("o", "p", "m", "bronze", "b", "lifetime", "ann", 2) {
		t.Errorf("the next occurrence is %+v", again[0])
	}
	b.check()
}

func TestTiers_metrics(t *testing.T) {
	half := func(c event.Credit) event.Credit {
		c.Shares, c.CreditPPM = []int64{500_000, 500_000}, 500_000
		return c
	}
	kind := func(c event.Credit, k event.Kind) event.Credit { c.Kind = k; return c }
	points := tiersRule(program.Points, program.Tier{ID: "t", Threshold: 10, Rewards: cash("x", 1)})
	points.PointsOf = map[event.Kind]int64{event.KindLead: 1, event.KindSale: 20}
	conversions := tiersRule(program.Conversions, program.Tier{ID: "t", Threshold: 1, Rewards: cash("x", 1)})
	revenue := tiersRule(program.Revenue, program.Tier{ID: "t", Threshold: 500, Rewards: cash("x", 1)})
	for name, c := range map[string]struct {
		rule    *program.Rule
		credits []event.Credit
		earned  int // after how many credits
	}{
		"conversions are sums of credit":  {conversions, []event.Credit{half(sale("a", 0, "m")), half(sale("b", 0, "m"))}, 2},
		"revenue is the credited part":    {revenue, []event.Credit{half(sale("a", 500, "m")), half(sale("b", 500, "m"))}, 2},
		"points are weights times credit": {points, []event.Credit{half(sale("a", 0, "m"))}, 1},
		"a kind without weight gives none": {points, []event.Credit{
			kind(sale("a", 0, "m"), event.KindRenewal), kind(sale("b", 0, "m"), event.KindLead), half(sale("c", 0, "m")),
		}, 3},
		"one ppm short is not reached": {conversions, []event.Credit{
			func() event.Credit {
				c := sale("a", 0, "m")
				c.Shares, c.CreditPPM = []int64{999_999, 1}, 999_999
				return c
			}(), half(sale("b", 0, "m")),
		}, 2},
		"who failed a filter counts nothing": {conversions, []event.Credit{sale("a", 0), sale("b", 0, "m")}, 2},
		"sums do not overflow": {revenue, []event.Credit{
			sale("a", math.MaxInt64, "m"), sale("b", math.MaxInt64, "m"),
		}, 1},
	} {
		t.Run(name, func(t *testing.T) {
			b := newBook(t, oneRule(c.rule))
			for i, credit := range c.credits {
				want := ""
				if i+1 == c.earned {
					want = "earned t x#1 1; "
				}
				expectTiers(t, b.take(credit), want)
			}
			for i, credit := range c.credits {
				b.take(next(credit, 0, false))
				if i == len(c.credits)-1 && len(b.nets(byID)) != 0 {
					t.Errorf("%v is left", b.nets(byID))
				}
			}
			b.check()
		})
	}
}

func TestTiers_referees_do_not_count(t *testing.T) {
	c := sale("c", 0, "m")
	c.Role, c.Index, c.BeneficiaryID = event.RoleReferee, -1, c.CustomerID
	expectTiers(t, newBook(t, oneRule(medals())).take(c), "")
}

func TestTiers_periods_count_apart_by_conversion_time(t *testing.T) {
	rule := medals()
	rule.Period = program.Month
	b := newBook(t, oneRule(rule))
	at := func(id string, ms int64) event.Credit {
		c := sale(id, 0, "m")
		c.ConversionTime = ms
		return c
	}
	november := b.take(at("a", date(2026, 11, 30)))
	december := b.take(at("b", date(2026, 12, 1)))
	expectTiers(t, november, "earned bronze b#1 100; ")
	expectTiers(t, december, "earned bronze b#1 100; ")
	if november[0].Period != "2026-11" || december[0].Period != "2026-12" {
		t.Errorf("periods %s, %s", november[0].Period, december[0].Period)
	}
	expectTiers(t, b.take(at("c", date(2026, 11, 1))), "earned silver s#1 200; earned silver perk#1 1; ")
}

func TestTiers_one_sum_over_versions_and_the_crossing_conversions_version_pays(t *testing.T) {
	with := func(amount int64) *program.Rule {
		return tiersRule(program.Conversions, program.Tier{ID: "t", Threshold: 2, Rewards: cash("x", amount)})
	}
	b := newBook(t, catalog(programOf("o", "p",
		version(date(2026, 1, 1), "USD", time.UTC, with(10)), version(date(2026, 11, 1), "USD", time.UTC, with(20)))))
	old := sale("a", 0, "m")
	old.ConversionTime = date(2026, 5, 1)
	expectTiers(t, b.take(old), "")
	crossed := b.take(sale("b", 0, "m"))
	expectTiers(t, crossed, "earned t x#1 20; ")
	if crossed[0].RuleVersion != "2026-11-01T00:00:00Z" {
		t.Errorf("version %s", crossed[0].RuleVersion)
	}
	expectTiers(t, b.take(next(old, 0, false)), "reversed t x#1 20; ")
}

func TestTiers_rule_that_is_gone_still_loses_its_tiers(t *testing.T) {
	b := newBook(t, oneRule(medals()))
	c := sale("c", 0, "m")
	b.take(c)
	b.catalog = oneRule()
	expectTiers(t, b.take(next(c, 0, false)), "reversed bronze b#1 100; ")
}

func TestTiers_one_credit_earns_a_bounded_number_of_steps(t *testing.T) {
	b := newBook(t, oneRule(tiersRule(program.Revenue, program.Tier{ID: "t", Threshold: 1, RepeatEvery: 1, Rewards: cash("x", 1)})))
	c := sale("a", math.MaxInt64, "m")
	if n := len(b.take(c)); n != reward.MaxStepsAtOnce+1 {
		t.Errorf("%d events at once", n)
	}
	if n := len(b.take(sale("b", 1, "m"))); n != reward.MaxStepsAtOnce {
		t.Errorf("the next credit goes on with %d events", n)
	}
	if n := len(b.take(next(c, 0, false))); n != 2*reward.MaxStepsAtOnce {
		t.Errorf("%d events when the metric falls to the tier itself", n)
	}
	b.check()
}

func TestTiers_repeated_steps_count_apart_by_period(t *testing.T) {
	rule := tiersRule(program.Conversions, program.Tier{ID: "t", Threshold: 1, RepeatEvery: 1, Rewards: cash("x", 5)})
	rule.Period = program.Month
	b := newBook(t, oneRule(rule))
	for i, at := range []int64{date(2026, 10, 1), date(2026, 10, 2), date(2026, 11, 1), date(2026, 11, 2)} {
		c := sale(fmt.Sprint("c", i), 0, "m")
		c.ConversionTime = at
		want := "earned t x#1 5; "
		if i%2 == 1 {
			want = "earned t+1 x#1 5; "
		}
		expectTiers(t, b.take(c), want)
	}
}
