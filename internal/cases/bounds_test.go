package cases

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

// boundPrograms have rules under limits and budgets that a few conversions exhaust.
// Words in capitals stand for them; without them the rules are free.
const boundPrograms = `version: 1
exchange_rates:
  - {from: USD, to: EUR, valid_from: 2026-01-01T00:00:00Z, rate: "0.9213"}
  - {from: EUR, to: USD, valid_from: 2026-01-01T00:00:00Z, rate: "1.0825"}
orgs:
  - id: acme
    budgets: [{id: all, period: lifetime, limit_minor: 700, currency: EUR}, {id: other, period: lifetime, limit_minor: 450, currency: EUR}]
    programs:
      - id: shop
        versions:
          - valid_from: 2026-01-01T00:00:00Z
            currency: EUR
            attribution: {model: linear}
            rules:
              - {id: share, type: per_conversion, BOTH rewards: [{id: get, to: referrer, type: cash, basis_points: 1000}]}
              - {id: flat, type: per_conversion, hold: 48h, LIMIT rewards: [{id: get, to: referrer, type: cash, flat_minor: 100}, {id: give, to: referee, type: cash, flat_minor: 150}]}
      - id: club
        versions:
          - valid_from: 2026-01-01T00:00:00Z
            currency: EUR
            attribution: {binding: none}
            rules:
              - {id: club, type: per_conversion, ALL rewards: [{id: get, to: referrer, type: cash, basis_points: 2000}]}
              - {id: miles, type: tiers, metric: conversions, period: lifetime, OTHER tiers: [{id: one, threshold: 1, rewards: [{id: c, type: cash, amount_minor: 200}]},
                 {id: two, threshold: 2, rewards: [{id: c, type: cash, amount_minor: 80}, {id: mug, type: custom, quantity: 1, unit: mug}], repeat_every: 1}]}
  - id: globex
    budgets: [{id: all, period: lifetime, limit_minor: 500, currency: USD}]
    programs:
      - id: shop
        versions:
          - valid_from: 2026-01-01T00:00:00Z
            currency: USD
            rules: [{id: share, type: per_conversion, ALL rewards: [{id: get, to: referrer, type: cash, basis_points: 1000}, {id: flat, to: referrer, type: cash, flat_minor: 30}]}]
`

var bounding = strings.NewReplacer(
	"BOTH", "budget: all, limit: {period: lifetime, count: 2},", "LIMIT", "limit: {period: lifetime, amount_minor: 400},",
	"ALL", "budget: all,", "OTHER", "budget: other,")

// doubling makes every bound twice as large.
var doubling = strings.NewReplacer("limit_minor: 700", "limit_minor: 1400", "limit_minor: 450", "limit_minor: 900", "limit_minor: 500", "limit_minor: 1000",
	"count: 2", "count: 4", "amount_minor: 400", "amount_minor: 800")

var freeing = strings.NewReplacer("BOTH", "", "LIMIT", "", "ALL", "", "OTHER", "")

// bound is a limit or a budget of [boundPrograms].
type bound struct {
	count, amount int64 // 0: none
}

// boundsOf names the bounds of a reward, its limit first.
func boundsOf(e *rewardEvent) (names []string) {
	if e.Data.Unit != "" {
		return nil
	}
	limited := "limit " + e.ProgramID + " " + e.Data.Rule + " " + e.Data.Beneficiary
	switch e.OrgID + " " + e.Data.Rule {
	case "acme share":
		return []string{limited, "acme all"}
	case "acme flat":
		return []string{limited}
	case "acme club":
		return []string{"acme all"}
	case "acme miles":
		return []string{"acme other"}
	}
	return []string{"globex all"}
}

// boundOf is a bound, times what it was raised by.
func boundOf(name string, times int64) bound {
	b := bound{amount: 500}
	switch {
	case strings.HasPrefix(name, "limit shop share"):
		b = bound{count: 2}
	case strings.HasPrefix(name, "limit"):
		b = bound{amount: 400}
	case name == "acme all":
		b = bound{amount: 700}
	case name == "acme other":
		b = bound{amount: 450}
	}
	return bound{b.count * times, b.amount * times}
}

// Whatever the order: no bound is ever exceeded, what is let through and what is
// held come to what the rules give without bounds, and nothing is held while the
// oldest that is held fits. The same again when every bound is raised.
func TestLimits_and_budgets_hold_over_partitions(t *testing.T) {
	bounded, free := catalogOf(t, bounding.Replace(boundPrograms)), catalogOf(t, freeing.Replace(boundPrograms))
	raised := catalogOf(t, doubling.Replace(bounding.Replace(boundPrograms)))
	rapid.Check(t, func(rt *rapid.T) {
		history := slices.DeleteFunc(drawHistory(rt), func(l happening) bool { return l.word == "decision" })
		plain := &retelling{T: rt, history: history, run: newRun(free, 1, 1, false)}
		plain.tell(func([]int) int { return 0 })

		other := &retelling{T: rt, history: history, homes: map[string]int{}, run: newRun(bounded,
			rapid.IntRange(1, 8).Draw(rt, "partitions"), rapid.SampledFrom([]int{1, 2, 7, 1000}).Draw(rt, "batch"), rapid.Bool().Draw(rt, "replays"))}
		ledger := teller{came: map[string][]string{}, seen: map[string]int{}, standing: map[string]*standing{}}
		other.tell(func(ready []int) int {
			ledger.holdsBounds(rt, other.run, 1)
			return rapid.IntRange(-2, len(ready)-1).Draw(rt, "next")
		})
		ledger.holdsAll(rt, plain, other, 1)
		other.run.Decide(raised)
		other.rest(0)
		ledger.holdsAll(rt, plain, other, 2)
	})
}

// holdsAll looks at the end of a history, beside the same without bounds.
func (t *teller) holdsAll(rt *rapid.T, plain, other *retelling, times int64) {
	t.holdsBounds(rt, other.run, times)
	t.holdsNothingThatFits(rt, other.run, times)
	if plain.same("let through and held", grossOf(rt, plain.run), grossOf(rt, other.run)) {
		for _, l := range other.history {
			rt.Log(l.text)
		}
		rt.FailNow()
	}
}

// sums are what is let through under each bound: rewards and money.
func (t *teller) sums() (counts, amounts map[string]int64) {
	counts, amounts = map[string]int64{}, map[string]int64{}
	for _, s := range t.standing {
		for _, name := range boundsOf(&s.event) {
			amounts[name] += s.event.left()
			if s.event.left() > 0 {
				counts[name]++
			}
		}
	}
	return counts, amounts
}

func (t *teller) holdsBounds(rt *rapid.T, run *shuffled, times int64) {
	if err := t.tellRewards(run.Run); err != nil {
		rt.Fatal(err)
	}
	counts, amounts := t.sums()
	for name, n := range amounts {
		b := boundOf(name, times)
		if b.amount > 0 && n > b.amount || b.count > 0 && counts[name] > b.count {
			rt.Fatalf("%s: %d rewards of %d in all", name, counts[name], n)
		}
	}
}

// holdsNothingThatFits looks, under each bound, at the oldest reward that waits for
// it: under a budget only those count that their limit admits.
func (t *teller) holdsNothingThatFits(rt *rapid.T, run *shuffled, times int64) {
	counts, amounts := t.sums()
	fits := func(name string, s *standing) bool {
		b := boundOf(name, times)
		return (b.amount == 0 || amounts[name]+s.withheld <= b.amount) && (b.count == 0 || s.event.left() > 0 || counts[name] < b.count)
	}
	oldest := map[string]*standing{}
	for _, s := range t.standing {
		names := boundsOf(&s.event)
		if s.withheld == 0 || len(names) == 0 {
			continue
		}
		last := names[len(names)-1]
		if len(names) > 1 && !fits(names[0], s) {
			continue
		}
		if o := oldest[last]; o == nil || age(run, s) < age(run, o) {
			oldest[last] = s
		}
	}
	for name, s := range oldest {
		if fits(name, s) {
			rt.Fatalf("%s: %s waits with %d, and %d are let through", name, s.event.name(), s.withheld, amounts[name])
		}
	}
}

// age orders rewards by the time of their conversion, and then by id.
func age(run *shuffled, s *standing) string {
	e := &s.event
	for _, r := range run.Rows("conversions") {
		if r["org_id"] == e.OrgID && r["program_id"] == e.ProgramID && r["conversion_id"] == e.Data.Conversion && strings.HasSuffix(r["verdict"].(string), "attributed") {
			return fmt.Sprintf("%020d %s", r["time"], e.Data.RewardID)
		}
	}
	return ""
}
