package reward_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/grapevinehq/grapevine/pipeline/event"
	"github.com/grapevinehq/grapevine/pipeline/program"
	"github.com/grapevinehq/grapevine/pipeline/reward"
)

// when stands in for a compiled expression.
type when func(program.Env) bool

func (w when) Eval(env program.Env) (bool, error) { return w(env), nil }

func expression(holds func(program.Env) bool) *program.Expression {
	return &program.Expression{Program: when(holds)}
}

// stat reads a figure of stats.
func stat[T any](env program.Env, name string) T { return env.Stats[name].(T) }

var (
	loyal = expression(func(e program.Env) bool { return stat[float64](e, "conversions") >= 2 })
	rich  = expression(func(e program.Env) bool { return stat[int64](e, "revenue_minor") >= 5000 })
	gold  = expression(func(e program.Env) bool {
		return e.Member["attributes"].(map[string]any)["plan"] == "gold"
	})
	clicked = expression(func(e program.Env) bool { return stat[int64](e, "unique_clicks") >= 3 })
)

// segmented is org o with segments and, in program p, rules.
func segmented(segments []program.Segment, rules ...*program.Rule) *program.Catalog {
	c := oneRule(rules...)
	c.Orgs["o"].Segments = segments
	return c
}

// passed tells passages since a place in short.
func (b *book) passed(from int) (text string) {
	for _, p := range b.passages[from:] {
		what := "left"
		if p.Entered {
			what = "entered"
		}
		text += fmt.Sprintf("%s %s %s#%d at %d; ", p.MemberID, what, p.SegmentID, p.Sequence, p.At)
	}
	return text
}

func (b *book) expectPassed(t *testing.T, want string, do func()) {
	t.Helper()
	from := len(b.passages)
	do()
	if got := b.passed(from); got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
}

func plan(ms int64, plan string, segments ...string) event.MemberChanged {
	return event.MemberChanged{
		Time: ms, Status: event.Active, Segments: segments, Attributes: []event.Attribute{{Key: "plan", Kind: 's', String: plan}},
	}
}

func TestSegments_are_entered_and_left(t *testing.T) {
	b := newBook(t, segmented([]program.Segment{{ID: "staff"}, {ID: "gold", When: gold}, {ID: "loyal", When: loyal}, {ID: "rich", When: rich}}))
	first, second := at(sale("a", 3000), 70), at(sale("c", 3000), 80)
	b.expectPassed(t, "", func() { b.take(first) }) // nobody knows the member yet
	b.expectPassed(t, "ann entered gold#1 at 100; ann entered staff#1 at 100; ", func() { b.change(plan(100, "gold", "staff", "unheard-of")) })
	b.expectPassed(t, "ann entered loyal#1 at 80; ann entered rich#1 at 80; ", func() { b.take(second) })
	b.expectPassed(t, "ann left gold#2 at 110; ", func() { b.change(plan(110, "silver", "staff")) })
	b.expectPassed(t, "ann left rich#2 at 70; ", func() { b.take(next(first, 1000, true)) })
	b.expectPassed(t, "ann entered gold#3 at 120; ann left staff#2 at 120; ", func() { b.change(plan(120, "gold")) })
	b.expectPassed(t, "", func() { b.change(plan(115, "gold", "staff")) }) // older than what is known
	b.expectPassed(t, "ann left gold#4 at 130; ann left loyal#2 at 130; ", func() { b.change(event.MemberChanged{Time: 130, Forgotten: true}) })
	b.expectPassed(t, "", func() { b.take(at(sale("d", 9000), 90)) })
	b.expectPassed(t, "ann entered loyal#3 at 140; ann entered rich#3 at 140; ", func() { b.change(plan(140, "")) })
}

func TestSegments_by_clicks_are_looked_at_after_clicks(t *testing.T) {
	catalog := segmented([]program.Segment{{ID: "known", When: clicked}})
	catalog.Orgs["o"].WatchesClicks = true
	b := newBook(t, catalog)
	click := func(at int64) {
		b.batch(func(l *reward.Ledgers) []*reward.Taking {
			return []*reward.Taking{l.TakeClick("0", &event.MemberClicked{OrgID: "o", MemberID: "ann", Time: at})}
		})
	}
	ann := reward.Person{OrgID: "o", ID: "ann"}
	b.clicks[ann] = 3
	b.expectPassed(t, "", func() { click(10) })
	b.clicks[ann] = 2
	b.expectPassed(t, "", func() { b.change(plan(20, "")) })
	b.clicks[ann] = 3
	b.expectPassed(t, "ann entered known#1 at 30; ", func() { click(30) })
	b.expectPassed(t, "", func() { click(40) })
}

func TestSegments_that_are_gone_are_left(t *testing.T) {
	b := newBook(t, segmented([]program.Segment{{ID: "staff"}}))
	b.change(plan(100, "", "staff"))
	b.catalog = oneRule()
	b.expectPassed(t, "ann left staff#2 at 110; ", func() { b.change(plan(110, "", "staff")) })
	b.expectPassed(t, "", func() { b.change(plan(120, "", "staff")) })
}

// gift is a grant of 5000.
func gift(id string) *program.Rule {
	return &program.Rule{ID: id, Type: program.Grant, Period: program.Lifetime, Rewards: []program.Reward{{ID: "gift", Type: "gift_card", AmountMinor: 5000}}}
}

func TestGrant_is_given_once_and_stays(t *testing.T) {
	rule := gift("thanks")
	rule.Segment, rule.Name = "gold", map[string]string{"de": "Geschenk"}
	b := newBook(t, segmented([]program.Segment{{ID: "gold", When: gold}}, rule))
	update := plan(date(2026, 11, 20)+5, "gold")
	update.Locale = "de"
	events := b.change(update)
	want := reward.Event{
		OrgID: "o", ProgramID: "p", Type: reward.Earned, RewardID: reward.GrantID("o", "p", "thanks", "gift", "ann"), Sequence: 1,
		RuleID: "thanks", Reward: "gift", RuleVersion: "2026-01-01T00:00:00Z", Period: "lifetime", BeneficiaryID: "ann", BeneficiaryRole: event.RoleMember,
		RewardType: "gift_card", Amount: 5000, Remaining: 5000, Currency: "USD", ConversionTime: date(2026, 11, 20) + 5,
		Status: reward.StatusApproved, AvailableAt: date(2026, 11, 20) + 5, Time: date(2026, 11, 20) + 5, Day: 20_777, Name: "Geschenk",
	}
	if len(events) != 1 || events[0] != want {
		t.Fatalf("got  %+v\nwant %+v", events, want)
	}
	grants := b.value("g/o/ann")
	expect(t, b.change(plan(date(2026, 11, 21), "silver")))
	expect(t, b.change(plan(date(2026, 11, 22), "gold")))
	if again := b.value("g/o/ann"); again != grants || again == "" {
		t.Errorf("the grants were %q and are %q", grants, again)
	}
	taken := b.decide(&events[0], event.Reverse, "1")
	expect(t, taken, moved{reward.Reversed, 5000, 0})
	expect(t, b.change(plan(date(2026, 11, 23), "gold")))
	b.check()
}

func TestGrant_conditions(t *testing.T) {
	for name, c := range map[string]struct {
		rule  func(*program.Rule)
		given bool
	}{
		"segment":                       {func(r *program.Rule) { r.Segment = "gold" }, true},
		"another segment":               {func(r *program.Rule) { r.Segment = "rich" }, false},
		"when":                          {func(r *program.Rule) { r.When = gold }, true},
		"when that is false":            {func(r *program.Rule) { r.When = rich }, false},
		"both":                          {func(r *program.Rule) { r.Segment, r.When = "gold", gold }, true},
		"a segment and a false when":    {func(r *program.Rule) { r.Segment, r.When = "gold", rich }, false},
		"in one of the segments":        {func(r *program.Rule) { r.When, r.Segments = gold, []string{"rich", "staff"} }, true},
		"in none of the segments":       {func(r *program.Rule) { r.When, r.Segments = gold, []string{"rich"} }, false},
		"in a segment that is excepted": {func(r *program.Rule) { r.When, r.ExceptSegments = gold, []string{"staff"} }, false},
		"when of the program": {func(r *program.Rule) {
			r.When = expression(func(e program.Env) bool { return e.Program["id"] == "p" && e.Program["currency"] == "USD" })
		}, true},
	} {
		t.Run(name, func(t *testing.T) {
			rule := gift("g")
			c.rule(rule)
			b := newBook(t, segmented([]program.Segment{{ID: "gold", When: gold}, {ID: "rich", When: rich}, {ID: "staff"}}, rule))
			if given := len(b.change(plan(date(2026, 11, 20), "gold", "staff"))) == 1; given != c.given {
				t.Errorf("given: %v", given)
			}
		})
	}
}

func TestGrant_follows_stats_and_is_not_for_unknown_or_banned_members(t *testing.T) {
	rule := gift("g")
	rule.When = loyal
	b := newBook(t, segmented(nil, rule))
	expect(t, b.take(sale("a", 100)))
	expect(t, b.take(sale("c", 100))) // unknown
	banned := plan(date(2026, 11, 20), "")
	banned.Status = event.Banned
	expect(t, b.change(banned))
	expectOutcome(t, b.change(plan(date(2026, 11, 21), "")), " earned 5000/5000; ")

	b = newBook(t, segmented(nil, rule))
	b.change(plan(date(2026, 11, 20), ""))
	first := sale("a", 100)
	b.take(first)
	second := b.take(at(sale("c", 100), date(2026, 11, 19)))
	expectOutcome(t, second, " earned 5000/5000; ")
	if second[0].ConversionTime != date(2026, 11, 19) || second[0].Time != date(2026, 11, 24) {
		t.Errorf("a grant's time is that of the event that caused it: %+v", second[0])
	}
	expect(t, b.take(next(first, 0, false))) // and it stays
	b.check()
}

func TestGrant_goes_by_the_version_of_its_time_in_every_program(t *testing.T) {
	with := func(id string) *program.Rule {
		rule := gift(id)
		rule.When = gold
		return rule
	}
	closed := version(date(2026, 1, 1), "USD", time.UTC, with("closed"))
	closed.ValidTo = date(2026, 10, 1)
	c := catalog(
		programOf("o", "p", version(date(2026, 1, 1), "USD", time.UTC, with("old")), version(date(2026, 11, 1), "EUR", time.UTC, with("new"))),
		programOf("o", "q", version(date(2026, 1, 1), "USD", time.UTC, with("other"))),
		programOf("o", "r", closed),
		programOf("n", "p", version(date(2026, 1, 1), "USD", time.UTC, with("foreign"))))
	b := newBook(t, c)
	var rules string
	for _, e := range b.change(plan(date(2026, 11, 20), "gold")) {
		rules += e.ProgramID + " " + e.RuleID + " " + e.Currency + "; "
	}
	if rules != "p new EUR; q other USD; " {
		t.Errorf("given: %s", rules)
	}
}

func TestGrant_has_limit_hold_and_cost_as_others(t *testing.T) {
	rule := gift("g")
	rule.When, rule.Hold = gold, time.Hour
	rule.Rewards = append(rule.Rewards, program.Reward{ID: "more", Type: "cash", AmountMinor: 10}, program.Reward{ID: "mug", Type: "custom", Quantity: 1, Unit: "mug"})
	rule.Limit = &program.Limit{Period: program.Month, Count: 1}
	b := newBook(t, segmented(nil, rule))
	given := b.change(plan(date(2026, 11, 20), "gold"))
	expectOutcome(t, given, " earned 5000/5000;  held 10/0;  held 1/0; ")
	if given[0].Status != reward.StatusPending || given[1].Reason != "limit of rule g, 2026-11" {
		t.Errorf("given: %+v", given[:2])
	}
	expectOutcome(t, b.clock(date(2026, 11, 21)), " approved 5000/5000; ")
	released := b.decide(&given[0], event.Reject, "1")
	if len(released) != 2 || released[1].Type != reward.Earned || released[1].Status != reward.StatusPending {
		t.Errorf("released: %s", outcome(released))
	}
	b.check()
}
