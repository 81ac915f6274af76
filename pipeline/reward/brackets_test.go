package reward_test

import (
	"math/big"
	"testing"
	"time"

	"github.com/grapevinehq/grapevine/pipeline/program"
	"github.com/grapevinehq/grapevine/pipeline/reward"
)

var accelerator = []program.Bracket{
	{FromMinor: 0, BasisPoints: 800}, {FromMinor: 1_000_000, BasisPoints: 1200}, {FromMinor: 5_000_000, BasisPoints: 1500},
}

func bracketRule(period program.Period, brackets ...program.Bracket) *program.Rule {
	rule := perConversion(program.Reward{ID: "share", Type: "cash", Brackets: brackets})
	rule.Period = period
	return rule
}

func TestBracketTotal_pays_each_part_at_its_rate_and_rounds_once(t *testing.T) {
	for _, c := range []struct{ revenue, want int64 }{
		{0, 0},
		{6, 0},                 // 0.48
		{7, 1},                 // 0.56
		{1_000_000, 80_000},    // all at 8 %
		{1_000_004, 80_000},    // 80 000.48
		{1_000_005, 80_001},    // 80 000.60
		{5_000_000, 560_000},   // 80 000 + 4 000 000 at 12 %
		{6_000_000, 710_000},   // and 1 000 000 at 15 %
		{60_000_000, 8810_000}, // and 55 000 000 at 15 %
	} {
		if got := reward.BracketTotal(accelerator, big.NewInt(c.revenue)); got != c.want {
			t.Errorf("on %d: %d, want %d", c.revenue, got, c.want)
		}
	}
}

func TestBrackets_every_conversion_moves_the_difference(t *testing.T) {
	b := newBook(t, oneRule(bracketRule(program.Quarter, accelerator...)))
	first, second, third := sale("a", 900_000, "r"), sale("b", 200_000, "r"), sale("c", 10, "r")
	expect(t, b.take(first), moved{reward.Earned, 72_000, 72_000})
	expect(t, b.take(second), moved{reward.Earned, 20_000, 20_000}) // 100 000 at 8 %, 100 000 at 12 %
	expect(t, b.take(third), moved{reward.Earned, 1, 1})

	// 200 000 fewer: 100 010 at 12 % and 99 990 at 8 % less, more than b has
	// above what its own 20 000 cover: none is taken from others.
	expect(t, b.take(next(second, 0, false)), moved{reward.Reversed, 20_000, 0})
	// 900 000 fewer leave 10 at 8 %: a goes whole, and nothing else is over.
	expect(t, b.take(next(first, 0, false)), moved{reward.Reversed, 72_000, 0})
	b.check()
	if got := b.nets(byID)[reward.ConversionID("o", "p", "r", "share", "c", "ann")]; got != 1 {
		t.Errorf("c has %d left", got)
	}
}

func TestBrackets_decrease_comes_from_the_own_reward_then_from_the_newest_others(t *testing.T) {
	b := newBook(t, oneRule(bracketRule(program.Lifetime,
		program.Bracket{FromMinor: 0, BasisPoints: 100}, program.Bracket{FromMinor: 1000, BasisPoints: 5000})))
	a, c, d := sale("a", 1000, "r"), sale("c", 200, "r"), sale("d", 600, "r")
	expect(t, b.take(a), moved{reward.Earned, 10, 10})
	expect(t, b.take(c), moved{reward.Earned, 100, 100})
	expect(t, b.take(d), moved{reward.Earned, 300, 300})
	// Without a, 800 are left at 1 %: 8 in all, 402 less. a has 10; of the other
	// 392 the newest, d, gives all it has, and c the rest.
	events := b.take(next(a, 0, false))
	expect(t, events, moved{reward.Reversed, 10, 0}, moved{reward.Reversed, 300, 0}, moved{reward.Reversed, 92, 8})
	for i, conversion := range []string{"a", "d", "c"} {
		if events[i].ConversionID != conversion {
			t.Errorf("event %d is of %s, want %s", i, events[i].ConversionID, conversion)
		}
	}
	if events[1].Reason != reward.ReasonBrackets || events[2].Status != reward.StatusApproved {
		t.Errorf("others: %+v", events[1:])
	}
	// Counting again, a takes what the total gains.
	expect(t, b.take(next(next(a, 0, false), 1000, true)), moved{reward.Increased, 402, 402})
	// d has nothing left to give for its own cancel: c gives first, being newer
	// than a.
	expect(t, b.take(next(d, 0, false)), moved{reward.Reversed, 8, 0}, moved{reward.Reversed, 292, 110})
	b.check()
}

func TestBrackets_table_is_that_of_the_version_at_the_periods_first_instant(t *testing.T) {
	flat := func(points int64) *program.Rule {
		return bracketRule(program.Quarter, program.Bracket{FromMinor: 0, BasisPoints: points})
	}
	lifetime := func(points int64) *program.Rule {
		return bracketRule(program.Lifetime, program.Bracket{FromMinor: 0, BasisPoints: points})
	}
	for name, c := range map[string]struct {
		versions []*program.Version
		want     int64
	}{
		"the version before, whose quarter it is": {[]*program.Version{
			version(date(2026, 1, 1), "USD", time.UTC, flat(100)), version(date(2026, 11, 1), "USD", time.UTC, flat(200)),
		}, 10},
		"its own, valid since the quarter began": {[]*program.Version{
			version(date(2026, 1, 1), "USD", time.UTC, flat(100)), version(date(2026, 10, 1), "USD", time.UTC, flat(200)),
		}, 20},
		"none then: the earliest that has the rule": {[]*program.Version{
			version(date(2026, 10, 5), "USD", time.UTC), version(date(2026, 10, 15), "USD", time.UTC, flat(300)),
			version(date(2026, 11, 1), "USD", time.UTC, flat(200)),
		}, 30},
		"the version then lacks the rule: the earliest that has it": {[]*program.Version{
			version(date(2026, 1, 1), "USD", time.UTC), version(date(2026, 11, 1), "USD", time.UTC, flat(200)),
		}, 20},
		"a lifetime has no first instant: the earliest": {[]*program.Version{
			version(date(2026, 1, 1), "USD", time.UTC, lifetime(100)), version(date(2026, 11, 1), "USD", time.UTC, lifetime(200)),
		}, 10},
	} {
		t.Run(name, func(t *testing.T) {
			b := newBook(t, catalog(programOf("o", "p", c.versions...)))
			expect(t, b.take(sale("c", 1000, "r")), moved{reward.Earned, c.want, c.want})
		})
	}
}

func TestBrackets_a_cap_bounds_each_reward_and_moves_nothing_elsewhere(t *testing.T) {
	rule := bracketRule(program.Lifetime, program.Bracket{FromMinor: 0, BasisPoints: 1000})
	rule.Rewards[0].HasMax, rule.Rewards[0].MaxAmountMinor = true, 70
	b := newBook(t, oneRule(rule))
	a, c := sale("a", 1000, "r"), sale("c", 500, "r")
	expect(t, b.take(a), moved{reward.Earned, 70, 70})
	expect(t, b.take(c), moved{reward.Earned, 50, 50})
	a = next(a, 800, true)
	expect(t, b.take(a)) // 80 of the total are its part, still above the cap
	a = next(a, 600, true)
	expect(t, b.take(a), moved{reward.Reversed, 10, 60})
	expect(t, b.take(next(a, 0, false)), moved{reward.Reversed, 60, 0})
	expect(t, b.take(next(c, 0, false)), moved{reward.Reversed, 50, 0})
	b.check()
}

func TestBrackets_rule_that_is_gone_takes_the_own_reward_back_whole(t *testing.T) {
	b := newBook(t, oneRule(bracketRule(program.Quarter, accelerator...)))
	a, c := sale("a", 900_000, "r"), sale("c", 200_000, "r")
	b.take(a)
	b.take(c)
	b.catalog = oneRule()
	a = next(a, 400_000, true)
	expect(t, b.take(a))
	expect(t, b.take(next(a, 0, false)), moved{reward.Reversed, 72_000, 0})
	b.check()
}
