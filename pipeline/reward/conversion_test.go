package reward_test

import (
	"math"
	"testing"
	"time"

	"github.com/grapevinehq/grapevine/pipeline/event"
	"github.com/grapevinehq/grapevine/pipeline/program"
	"github.com/grapevinehq/grapevine/pipeline/reward"
)

// perConversion is a rule with one reward.
func perConversion(r program.Reward) *program.Rule {
	if r.ID == "" {
		r.ID = "get"
	}
	if r.To == "" {
		r.To = program.ToReferrer
	}
	return &program.Rule{ID: "r", Type: program.PerConversion, Period: program.Lifetime, Rewards: []program.Reward{r}}
}

// moved is what a table expects of one event.
type moved struct {
	kind      reward.EventType
	amount    int64
	remaining int64
}

func expect(t *testing.T, events []reward.Event, want ...moved) {
	t.Helper()
	if len(events) != len(want) {
		t.Fatalf("%d events, want %d: %+v", len(events), len(want), events)
	}
	for i, e := range events {
		if got := (moved{e.Type, e.Amount, e.Remaining}); got != want[i] {
			t.Errorf("event %d is %+v, want %+v", i, got, want[i])
		}
	}
}

func TestPerConversion_amounts(t *testing.T) {
	split := func(c event.Credit, index int, shares ...int64) event.Credit {
		c.Shares, c.Index, c.CreditPPM = shares, index, shares[index]
		return c
	}
	referee := func(c event.Credit) event.Credit {
		c.Role, c.Index, c.CreditPPM, c.BeneficiaryID = event.RoleReferee, -1, 0, c.CustomerID
		return c
	}
	basis := func(points int64) program.Reward {
		return program.Reward{Type: "cash", HasBasisPoints: true, BasisPoints: points}
	}
	for name, c := range map[string]struct {
		reward program.Reward
		credit event.Credit
		want   int64
	}{
		"flat":                               {program.Reward{AmountMinor: 1000}, sale("c", 5000, "r"), 1000},
		"flat of a conversion without money": {program.Reward{AmountMinor: 1000}, sale("c", 0, "r"), 1000},
		"flat is split by credit":            {program.Reward{AmountMinor: 1000}, split(sale("c", 5000, "r"), 1, 333333, 333334, 333333), 334},
		"flat's tie goes to the earlier":     {program.Reward{AmountMinor: 1001}, split(sale("c", 0, "r"), 0, 500000, 500000), 501},
		"flat's tie, the later":              {program.Reward{AmountMinor: 1001}, split(sale("c", 0, "r"), 1, 500000, 500000), 500},
		"flat is capped":                     {program.Reward{AmountMinor: 1000, HasMax: true, MaxAmountMinor: 600}, sale("c", 0, "r"), 600},
		"quantity is split by credit":        {program.Reward{Quantity: 5, Unit: "points"}, split(sale("c", 0, "r"), 0, 600000, 400000), 3},
		"a part of 0 makes no event":         {program.Reward{Quantity: 1, Unit: "perk"}, split(sale("c", 0, "r"), 1, 600000, 400000), 0},
		"a referee's flat is not split":      {program.Reward{To: program.ToReferee, AmountMinor: 500}, referee(split(sale("c", 5000, "r"), 0, 600000, 400000)), 500},
		"a referee has no referrer's":        {program.Reward{AmountMinor: 500}, referee(sale("c", 5000, "r")), 0},
		"a referrer has no referee's":        {program.Reward{To: program.ToReferee, AmountMinor: 500}, sale("c", 5000, "r"), 0},
		"basis points round half up":         {basis(500), sale("c", 30, "r"), 2},                               // 1.5
		"basis points below half":            {basis(500), sale("c", 29, "r"), 1},                               // 1.45
		"basis points to nothing":            {basis(500), sale("c", 9, "r"), 0},                                // 0.45
		"basis points of the credited part":  {basis(1000), split(sale("c", 1001, "r"), 1, 400000, 600000), 60}, // of 601
		"a referee's basis points are of the whole": {
			program.Reward{To: program.ToReferee, HasBasisPoints: true, BasisPoints: 1000}, referee(sale("c", 1005, "r")), 101,
		},
		"capped after rounding": {
			program.Reward{HasBasisPoints: true, BasisPoints: 500, HasMax: true, MaxAmountMinor: 1}, sale("c", 30, "r"), 1,
		},
		"the greatest amount":               {basis(10_000), sale("c", math.MaxInt64, "r"), math.MaxInt64},
		"more than an int64 can hold":       {basis(20_000), sale("c", math.MaxInt64, "r"), math.MaxInt64},
		"who failed a filter earns nothing": {program.Reward{AmountMinor: 1000}, sale("c", 5000), 0},
	} {
		t.Run(name, func(t *testing.T) {
			b := newBook(t, oneRule(perConversion(c.reward)))
			events := b.take(c.credit)
			if c.want == 0 {
				expect(t, events)
				return
			}
			expect(t, events, moved{reward.Earned, c.want, c.want})
			b.check()
		})
	}
}

func TestPerConversion_event_tells_everything(t *testing.T) {
	rule := perConversion(program.Reward{Type: "cash", AmountMinor: 1000})
	rule.Period, rule.Hold = program.Month, 48*time.Hour
	got := newBook(t, oneRule(rule)).take(sale("c1", 5000, "r"))[0]
	want := reward.Event{
		OrgID: "o", ProgramID: "p", Type: reward.Earned, RewardID: reward.ConversionID("o", "p", "r", "get", "c1", "ann"), Sequence: 1,
		RuleID: "r", Reward: "get", RuleVersion: "2026-01-01T00:00:00Z", Period: "2026-11", BeneficiaryID: "ann", BeneficiaryRole: event.RoleReferrer,
		RewardType: "cash", Amount: 1000, Remaining: 1000, Currency: "USD", ConversionID: "c1", ConversionTime: date(2026, 11, 23),
		Status: reward.StatusPending, AvailableAt: date(2026, 11, 25), Time: date(2026, 11, 24), Day: 20_780,
	}
	if got != want {
		t.Errorf("got  %+v\nwant %+v", got, want)
	}
	if id := got.ID(); id != want.RewardID+"/earned/1" {
		t.Errorf("id %s", id)
	}
}

func TestPerConversion_without_hold_is_approved_at_once(t *testing.T) {
	got := newBook(t, oneRule(perConversion(program.Reward{AmountMinor: 1000}))).take(sale("c1", 5000, "r"))[0]
	if got.Status != reward.StatusApproved || got.AvailableAt != got.ConversionTime {
		t.Errorf("status %s, available at %d", got.Status, got.AvailableAt)
	}
}

func TestPerConversion_partial_refund_recomputes_basis_points_and_leaves_flat(t *testing.T) {
	rule := perConversion(program.Reward{HasBasisPoints: true, BasisPoints: 1000})
	rule.Rewards = append(rule.Rewards,
		program.Reward{ID: "flat", To: program.ToReferrer, AmountMinor: 300},
		program.Reward{ID: "gift", To: program.ToReferrer, Quantity: 2, Unit: "mug"})
	b := newBook(t, oneRule(rule))
	c := sale("c", 10_000, "r")
	expect(t, b.take(c), moved{reward.Earned, 1000, 1000}, moved{reward.Earned, 300, 300}, moved{reward.Earned, 2, 2})

	refunded := next(c, 4_000, true)
	events := b.take(refunded)
	expect(t, events, moved{reward.Reversed, 600, 400})
	if events[0].Status != reward.StatusApproved || events[0].Reason != reward.ReasonReduced {
		t.Errorf("a partial reversal has status %s, reason %q: it is the reward's own", events[0].Status, events[0].Reason)
	}
	cancelled := next(refunded, 0, false)
	events = b.take(cancelled)
	expect(t, events, moved{reward.Reversed, 400, 0}, moved{reward.Reversed, 300, 0}, moved{reward.Reversed, 2, 0})
	if events[0].Status != reward.StatusReversed || events[0].Reason != reward.ReasonVoid {
		t.Errorf("a whole reversal has status %s, reason %q", events[0].Status, events[0].Reason)
	}
	// Used up and then corrected upwards: the same rewards are increased.
	events = b.take(next(cancelled, 2_000, true))
	expect(t, events, moved{reward.Increased, 200, 200}, moved{reward.Increased, 300, 300}, moved{reward.Increased, 2, 2})
	if events[0].Status != reward.StatusApproved || events[0].Sequence != 4 || events[0].RewardID != b.events[0].RewardID {
		t.Errorf("counting again: %+v", events[0])
	}
	b.check()
}

func TestPerConversion_adjustment_goes_by_the_version_of_the_conversions_time(t *testing.T) {
	with := func(points int64) *program.Rule {
		return perConversion(program.Reward{HasBasisPoints: true, BasisPoints: points})
	}
	b := newBook(t, catalog(programOf("o", "p",
		version(date(2026, 1, 1), "USD", time.UTC, with(1000)),
		version(date(2026, 11, 1), "USD", time.UTC, with(2000)))))
	c := sale("c", 10_000, "r")
	c.ConversionTime = date(2026, 10, 31)
	expect(t, b.take(c), moved{reward.Earned, 1000, 1000})
	c = next(c, 5_000, true)
	c.DecidedAt = date(2026, 12, 1)
	events := b.take(c)
	expect(t, events, moved{reward.Reversed, 500, 500})
	if events[0].RuleVersion != "2026-01-01T00:00:00Z" || events[0].Time != date(2026, 12, 1) {
		t.Errorf("version %s, time %d", events[0].RuleVersion, events[0].Time)
	}
}

func TestPerConversion_rule_that_is_gone_leaves_the_reward_until_the_conversion_no_longer_counts(t *testing.T) {
	for name, after := range map[string]*program.Catalog{
		"rule gone":    oneRule(),
		"program gone": catalog(programOf("o", "q", version(date(2026, 1, 1), "USD", time.UTC))),
	} {
		t.Run(name, func(t *testing.T) {
			b := newBook(t, oneRule(perConversion(program.Reward{HasBasisPoints: true, BasisPoints: 1000})))
			c := sale("c", 10_000, "r")
			b.take(c)
			b.catalog = after
			c = next(c, 5_000, true)
			expect(t, b.take(c))
			expect(t, b.take(next(c, 0, false)), moved{reward.Reversed, 1000, 0})
			b.check()
		})
	}
}

func TestPerConversion_flat_stays_also_when_its_version_is_edited(t *testing.T) {
	b := newBook(t, oneRule(perConversion(program.Reward{AmountMinor: 1000})))
	c := sale("c", 10_000, "r")
	b.take(c)
	b.catalog = oneRule(perConversion(program.Reward{AmountMinor: 700}))
	c = next(c, 5_000, true)
	expect(t, b.take(c))
	expect(t, b.take(next(c, 0, false)), moved{reward.Reversed, 1000, 0})
}

func TestTake_drops_what_was_taken_before(t *testing.T) {
	b := newBook(t, oneRule(perConversion(program.Reward{HasBasisPoints: true, BasisPoints: 1000})))
	first := sale("c", 10_000, "r")
	second := next(first, 5_000, true)
	b.take(first)
	b.take(second)
	before := len(b.events)
	b.take(first)
	b.take(second)
	if b.repeated != 2 || len(b.events) != before {
		t.Errorf("%d repeated, %d new events", b.repeated, len(b.events)-before)
	}
	// The same conversion id in another program is another conversion.
	other := first
	other.ProgramID = "q"
	b.take(other)
	if b.repeated != 2 {
		t.Error("a conversion of another program was taken for a repeated one")
	}
}
