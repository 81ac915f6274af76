package reward_test

import (
	"fmt"
	"maps"
	"math/big"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/grapevinehq/grapevine/pipeline/event"
	"github.com/grapevinehq/grapevine/pipeline/program"
	"github.com/grapevinehq/grapevine/pipeline/reward"
)

// everyRule is one version with a rule of each kind.
func everyRule() *program.Catalog {
	steps := tiersRule(program.Conversions,
		program.Tier{ID: "one", Threshold: 1, Rewards: cash("x", 100)},
		program.Tier{ID: "two", Threshold: 2, Rewards: cash("x", 250), RepeatEvery: 2})
	steps.ID, steps.Period = "steps", program.Month
	revenue := tiersRule(program.Revenue, program.Tier{ID: "rich", Threshold: 5_000, Rewards: cash("x", 70), RepeatEvery: 1_500})
	revenue.ID = "revenue"
	points := tiersRule(program.Points, program.Tier{ID: "p", Threshold: 30, Rewards: []program.Reward{{ID: "x", Quantity: 3, Unit: "mug"}}})
	points.ID, points.Period, points.PointsOf = "points", program.Week, map[event.Kind]int64{event.KindSale: 20, event.KindLead: 1}
	commission := perConversion(program.Reward{ID: "share", HasBasisPoints: true, BasisPoints: 777, HasMax: true, MaxAmountMinor: 300})
	commission.ID = "commission"
	commission.Rewards = append(commission.Rewards, program.Reward{ID: "flat", To: program.ToReferrer, AmountMinor: 501})
	brackets := bracketRule(program.Quarter, program.Bracket{FromMinor: 0, BasisPoints: 800}, program.Bracket{FromMinor: 4_000, BasisPoints: 1500},
		program.Bracket{FromMinor: 9_000, BasisPoints: 300})
	brackets.ID = "brackets"
	return catalog(programOf("o", "p", version(date(2026, 1, 1), "USD", time.UTC, steps, revenue, points, commission, brackets)))
}

var everyRuleID = []string{"brackets", "commission", "points", "revenue", "steps"}

// history draws conversions with adjustments: for each the credits of one
// beneficiary, in order.
func history(t *rapid.T, conversions int) [][]event.Credit {
	days := rapid.Int64Range(date(2026, 9, 1), date(2026, 12, 31))
	kinds := rapid.SampledFrom([]event.Kind{event.KindSale, event.KindLead})
	var all [][]event.Credit
	for i := range conversions {
		c := sale(fmt.Sprint("c", i), rapid.Int64Range(0, 5_000).Draw(t, "amount"), everyRuleID...)
		c.Kind, c.ConversionTime = kinds.Draw(t, "kind"), days.Draw(t, "time")
		ppm := rapid.SampledFrom([]int64{1_000_000, 500_000, 333_333}).Draw(t, "ppm")
		c.CreditPPM, c.Shares = ppm, []int64{ppm, 1_000_000 - ppm}
		credits := []event.Credit{c}
		for range rapid.IntRange(0, 3).Draw(t, "adjustments") {
			counts := rapid.Bool().Draw(t, "counts")
			net := int64(0)
			if counts {
				net = rapid.Int64Range(0, 6_000).Draw(t, "net")
			}
			c = next(c, net, counts)
			credits = append(credits, c)
		}
		all = append(all, credits)
	}
	return all
}

// interleave draws one order of credits that keeps each conversion's own.
func interleave(t *rapid.T, all [][]event.Credit) []event.Credit {
	queues := make([][]event.Credit, len(all))
	copy(queues, all)
	var order []event.Credit
	for {
		var open []int
		for i := range queues {
			if len(queues[i]) > 0 {
				open = append(open, i)
			}
		}
		if len(open) == 0 {
			return order
		}
		i := rapid.SampledFrom(open).Draw(t, "next")
		order = append(order, queues[i][0])
		queues[i] = queues[i][1:]
	}
}

// promised names the net values that no order may change: of brackets the sum.
func promised(e *reward.Event) string {
	if e.RuleID == "brackets" {
		return e.RuleID + "/" + e.Period
	}
	return bySlot(e)
}

func TestProperty_order_of_conversions_changes_no_net_reward(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		all := history(t, rapid.IntRange(1, 8).Draw(t, "conversions"))
		first, second := newBook(t, everyRule()), newBook(t, everyRule())
		for _, c := range interleave(t, all) {
			first.take(c)
		}
		for _, c := range interleave(t, all) {
			second.take(c)
		}
		first.check()
		second.check()
		if a, b := first.nets(promised), second.nets(promised); !maps.Equal(a, b) {
			t.Fatalf("one order gives %v, another %v", a, b)
		}
	})
}

func TestProperty_conversion_and_its_cancel_leave_nothing_behind(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		b := newBook(t, everyRule())
		for _, c := range interleave(t, history(t, rapid.IntRange(0, 5).Draw(t, "before"))) {
			b.take(c)
		}
		before := b.nets(promised)
		for _, credits := range history(t, 1) {
			for i := range credits {
				credits[i].ConversionID = "extra"
				b.take(credits[i])
			}
			b.take(next(credits[len(credits)-1], 0, false))
		}
		b.check()
		if after := b.nets(promised); !maps.Equal(before, after) {
			t.Fatalf("before %v, after %v", before, after)
		}
	})
}

func TestProperty_everything_cancelled_leaves_no_reward_at_all(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		b := newBook(t, everyRule())
		all := history(t, rapid.IntRange(1, 6).Draw(t, "conversions"))
		for i := range all {
			all[i] = append(all[i], next(all[i][len(all[i])-1], 0, false))
		}
		for _, c := range interleave(t, all) {
			b.take(c)
		}
		b.check()
		if left := b.nets(byID); len(left) != 0 {
			t.Fatalf("left: %v", left)
		}
	})
}

func TestProperty_repeated_credits_change_nothing(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		b := newBook(t, everyRule())
		order := interleave(t, history(t, rapid.IntRange(1, 5).Draw(t, "conversions")))
		for i, c := range order {
			b.take(c)
			events, store := len(b.events), b.redis.String()
			b.take(order[rapid.IntRange(0, i).Draw(t, "again")])
			if len(b.events) != events || store != b.redis.String() {
				t.Fatalf("a repeated credit changed the ledger")
			}
		}
		if b.repeated != len(order) {
			t.Fatalf("%d of %d repeated credits were told", b.repeated, len(order))
		}
	})
}

func TestProperty_bracket_rewards_add_up_to_the_function_of_the_revenue(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		b := newBook(t, everyRule())
		table := b.catalog.Program("o", "p").Versions[0].Rules[4].Rewards[0].Brackets
		latest := map[string]event.Credit{}
		for _, c := range interleave(t, history(t, rapid.IntRange(1, 8).Draw(t, "conversions"))) {
			b.take(c)
			latest[c.ConversionID] = c
			revenue := map[string]*big.Int{}
			for _, l := range latest {
				period := reward.PeriodName(program.Quarter, l.ConversionTime, time.UTC)
				if revenue[period] == nil {
					revenue[period] = new(big.Int)
				}
				if l.Counts {
					revenue[period].Add(revenue[period], big.NewInt(reward.Credited(&l)))
				}
			}
			nets := b.nets(promised)
			for period, sum := range revenue {
				if got, want := nets["brackets/"+period], reward.BracketTotal(table, sum); got != want {
					t.Fatalf("%s: rewards of %d on %s, want %d", period, got, sum, want)
				}
			}
		}
	})
}

func TestProperty_shares_of_a_flat_reward_add_up_to_it(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		flat := rapid.Int64Range(0, 1_000_000).Draw(t, "flat")
		shares := rapid.SliceOfN(rapid.Int64Range(0, 1_000_000), 1, 6).Draw(t, "shares")
		total, whole := int64(0), int64(0)
		for i := range shares {
			c := sale("c", 0, "r")
			c.BeneficiaryID, c.Shares, c.Index, c.CreditPPM = fmt.Sprint("m", i), shares, i, shares[i]
			for _, e := range newBook(t, oneRule(perConversion(program.Reward{AmountMinor: flat}))).take(c) {
				total += e.Amount
			}
			whole += shares[i]
		}
		if whole > 0 && total != flat {
			t.Fatalf("%d of %d", total, flat)
		}
	})
}
