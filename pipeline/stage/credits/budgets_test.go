package credits

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/grapevinehq/grapevine/internal/golden"
	"github.com/grapevinehq/grapevine/pipeline/event"
	"github.com/grapevinehq/grapevine/pipeline/program"
	"github.com/grapevinehq/grapevine/pipeline/volatile"
)

// outcomes tells the reward events since the last call in short: what happened to
// the reward of which conversion, or of a grant its rule.
func (w *world) outcomes() (text string) {
	for _, row := range w.rows[TableRewards][w.seen:] {
		cause := row["conversion_id"]
		if cause == "" {
			cause = row["rule_id"]
		}
		text += fmt.Sprintf("%s %s %d/%d; ", cause, row["event_type"], row["amount_minor"], row["remaining_minor"])
	}
	w.seen = len(w.rows[TableRewards])
	return text
}

func (w *world) expect(t *testing.T, want string) {
	t.Helper()
	if got := w.outcomes(); got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
}

// take works one credit as a batch.
func (w *world) take(c event.Credit) {
	w.t.Helper()
	w.offset++
	w.work([]event.Record{recordOf(w.t, w.offset, c)})
}

// settle works timer batches until nothing is due.
func (w *world) settle() { w.t.Helper(); w.clocks(max(w.bounds.Time, golden.WrittenAt)) }

// budgeted is a catalog of rules that share a monthly budget in USD.
func budgeted(limit int64, rules ...*program.Rule) *program.Catalog {
	c := catalogOf(rules...)
	for _, r := range rules {
		r.Budget = "growth"
	}
	c.Orgs["o"].Budgets = map[string]*program.Budget{
		"growth": {ID: "growth", Period: program.Month, LimitMinor: limit, Currency: "USD"},
	}
	return c
}

// share pays 10 %.
func share() *program.Rule {
	return &program.Rule{ID: "r", Type: program.PerConversion, Period: program.Lifetime, Rewards: []program.Reward{
		{ID: "get", To: program.ToReferrer, Type: "cash", HasBasisPoints: true, BasisPoints: 1000},
	}}
}

func worth(conversion, beneficiary string, amount int64) event.Credit {
	c := credit(conversion, beneficiary, "r")
	c.ConversionTime += 10 * day
	c.AmountMinor, c.NetMinor = amount, amount
	return c
}

func adjusted(c event.Credit, net int64) event.Credit {
	c.Sequence, c.NetMinor, c.Counts = c.Sequence+1, net, net > 0
	return c
}

func earlier(c event.Credit, ms int64) event.Credit {
	c.ConversionTime -= ms
	return c
}

// The events of a batch go to many partitions, in no order: what one gives back
// another may not take before all are told.
func TestBudget_is_not_exceeded_between_two_events_of_a_batch(t *testing.T) {
	w := newPartition(t, budgeted(500, share()), volatile.New(), 1)
	a, e := worth("a", "ann", 3000), worth("e", "bob", 3000)
	w.take(a)
	w.take(e)
	w.expect(t, "a earned 300/300; e held 300/0; ")
	w.offset += 2
	w.work([]event.Record{recordOf(t, w.offset-1, adjusted(e, 3100)), recordOf(t, w.offset, adjusted(a, 0))})
	w.expect(t, "e held 10/0; a reversed 300/0; ")
	w.settle()
	w.expect(t, "e earned 310/310; ")
}

func TestBudget_holds_what_does_not_fit_and_releases_the_oldest_of_any_partition(t *testing.T) {
	redis := volatile.New()
	catalog := budgeted(500, share())
	one, two := newPartition(t, catalog, redis, 1), newPartition(t, catalog, redis, 2)
	a, c := worth("a", "ann", 3000), worth("c", "ann", 4000)
	d, e := earlier(worth("d", "bob", 3000), 5000), worth("e", "bob", 2000)
	one.take(a)
	one.take(c)
	one.expect(t, "a earned 300/300; c held 400/0; ")
	if row := one.rows[TableRewards][1]; row["reason"] != "budget growth, 2026-01" || row["status"] != "held" || row["withheld"] != int64(400) || row["budget_id"] != "growth" {
		t.Errorf("held: %v", row)
	}
	two.take(d)
	two.take(e)
	two.expect(t, "d held 300/0; e earned 200/200; ")
	one.take(adjusted(a, 0))
	one.settle()
	one.expect(t, "a reversed 300/0; ")
	if !two.due(golden.WrittenAt) {
		t.Fatal("the other partition does not notice the room")
	}
	two.settle()
	two.expect(t, "d earned 300/300; ")
	two.take(adjusted(d, 0))
	two.take(adjusted(e, 500))
	one.settle()
	one.expect(t, "c earned 400/400; ")
	if state := redis.String(); !strings.Contains(state, "used 450") {
		t.Errorf("state\n%s", state)
	}
}

func TestBudget_room_is_collected_before_the_records_of_a_batch(t *testing.T) {
	redis := volatile.New()
	catalog := budgeted(500, share())
	one, two := newPartition(t, catalog, redis, 1), newPartition(t, catalog, redis, 2)
	a, c := worth("a", "ann", 5000), worth("c", "bob", 4000)
	one.take(a)
	two.take(c)
	one.take(adjusted(a, 0))
	two.take(adjusted(c, 3000))
	two.expect(t, "c held 400/0; c earned 400/400; c reversed 100/300; ")
}

func TestBudget_of_what_waits_leaves_with_the_room_that_it_was_given(t *testing.T) {
	redis := volatile.New()
	catalog := budgeted(500, share())
	one, two := newPartition(t, catalog, redis, 1), newPartition(t, catalog, redis, 2)
	a, c, d := worth("a", "ann", 5000), worth("c", "bob", 5000), worth("d", "bob", 5000)
	one.take(a)
	two.take(c)
	two.take(d)
	// In one batch: the first's cancel gives room to the second, and the second's
	// own cancel gives it to the third.
	one.take(adjusted(a, 0))
	two.take(adjusted(c, 0))
	two.settle()
	two.expect(t, "c held 500/0; d held 500/0; c earned 500/500; c reversed 500/0; d earned 500/500; ")
	two.take(adjusted(d, 0))
	if state := redis.String(); !strings.Contains(state, "used 0, waiting [], granted map[]") {
		t.Errorf("state\n%s", state)
	}
}

func TestBudget_what_waits_grows_and_shrinks(t *testing.T) {
	w := newWorld(t, budgeted(500, share()))
	a := worth("a", "ann", 8000)
	w.take(a)
	a = adjusted(a, 9000)
	w.take(a)
	a = adjusted(a, 4000)
	w.take(a)
	w.expect(t, "a held 800/0; a held 100/0; a reversed 500/0; a earned 400/400; ")
	a = adjusted(a, 6000)
	w.take(a)
	a = adjusted(a, 3000)
	w.take(a)
	w.expect(t, "a held 200/400; a reversed 300/300; ")
	if row := w.rows[TableRewards][4]; row["status"] != "approved" {
		t.Errorf("an increase that waits: %v", row)
	}
	a = adjusted(a, 6000)
	w.take(a)
	a = adjusted(a, 5000)
	w.take(a)
	w.expect(t, "a held 300/300; a reversed 100/300; a increased 200/500; ")
}

func TestBudget_periods_are_in_UTC_by_conversion_time(t *testing.T) {
	w := newWorld(t, budgeted(100, share()))
	w.take(worth("a", "ann", 1000))
	w.take(earlier(worth("c", "ann", 1000), 10*day+1)) // the millisecond before is another month
	w.take(worth("d", "ann", 10))
	w.expect(t, "a earned 100/100; c earned 100/100; d held 1/0; ")
}

func TestBudget_of_another_currency_draws_by_difference_of_totals(t *testing.T) {
	catalog := budgeted(1000, share())
	catalog.Orgs["o"].Budgets["growth"].Currency = "EUR"
	catalog.Rates = []program.Rate{{From: "USD", To: "EUR", ValidFrom: 0, Numerator: 1, Denominator: 3}}
	w := newWorld(t, catalog)
	a := worth("a", "ann", 10) // 1 USD cent: 0.33 EUR cents
	w.take(a)
	for net := int64(20); net <= 100; net += 10 {
		a = adjusted(a, net)
		w.take(a)
	}
	drawn := func(want string) {
		t.Helper()
		row := w.rows[TableRewards][len(w.rows[TableRewards])-1]
		if got := fmt.Sprint(row["drawn_minor"], " ", row["drawn_currency"], " ", row["drawn_period"]); got != want {
			t.Errorf("the row says that %s was drawn, want %s", got, want)
		}
		if state, used := w.redis.String(), "used "+strings.Fields(want)[0]+","; !strings.Contains(state, used) {
			t.Errorf("no %q in\n%s", used, state)
		}
	}
	drawn("3 EUR 2026-01") // 10 cents: 3.33
	w.take(adjusted(a, 0))
	drawn("0 EUR 2026-01")
}

func TestBudget_without_a_rate_holds_until_there_is_one(t *testing.T) {
	catalog := budgeted(1000, share())
	catalog.Orgs["o"].Budgets["growth"].Currency = "EUR"
	w := newWorld(t, catalog)
	w.take(worth("a", "ann", 1000))
	w.take(worth("c", "ann", 5000))
	cancelled := worth("d", "ann", 100)
	w.take(cancelled)
	w.take(adjusted(cancelled, 0))
	w.expect(t, "a held 100/0; c held 500/0; d held 10/0; d reversed 10/0; ")
	if row := w.rows[TableRewards][0]; row["reason"] != "budget growth: no exchange rate from USD to EUR" {
		t.Errorf("held: %v", row)
	}
	changed := *catalog
	changed.Rates = []program.Rate{{From: "USD", To: "EUR", ValidFrom: 0, Numerator: 1, Denominator: 1}}
	w.revise(&changed)
	w.settle()
	w.expect(t, "a earned 100/100; c earned 500/500; ")
	if w.due(golden.WrittenAt + 1) {
		t.Error("something is due for ever")
	}
}

func TestBudget_raised_by_a_changed_configuration_releases(t *testing.T) {
	w := newWorld(t, budgeted(100, share()))
	for _, id := range []string{"a", "c", "d", "e"} {
		w.take(worth(id, "ann", 1000))
	}
	w.outcomes()
	w.revise(budgeted(300, share()))
	w.settle()
	if n := strings.Count(w.outcomes(), "earned 100/100"); n != 2 {
		t.Errorf("%d released", n)
	}
	w.revise(budgeted(100, share()))
	w.settle()
	w.take(worth("f", "ann", 10))
	w.expect(t, "f held 1/0; ")
	// A budget that is gone releases nothing.
	gone := budgeted(1000, share())
	delete(gone.Orgs["o"].Budgets, "growth")
	w.revise(gone)
	w.settle()
	w.expect(t, "")
}

func TestBudget_of_quantities_is_not_asked(t *testing.T) {
	rule := flatRule()
	rule.Rewards = []program.Reward{{ID: "get", To: program.ToReferrer, Type: "custom", Quantity: 5, Unit: "mug"}}
	w := newWorld(t, budgeted(1, rule))
	w.take(credit("a", "ann", "r"))
	if row := w.rows[TableRewards][0]; row["event_type"] != "earned" || row["quantity"] != int64(5) {
		t.Errorf("row %v", row)
	}
}

func TestBudget_in_its_queue_stand_only_rewards_that_their_limit_admits(t *testing.T) {
	rule := share()
	rule.Limit = &program.Limit{Period: program.Lifetime, Count: 1}
	w := newWorld(t, budgeted(500, rule))
	full := worth("full", "bob", 5000)
	w.take(full)
	first, second := earlier(worth("first", "ann", 4000), 2000), earlier(worth("second", "ann", 1000), 1000)
	other := worth("other", "cid", 4000)
	w.take(first)  // waits for the budget
	w.take(second) // likewise: the limit admits each of the two
	w.take(other)
	w.expect(t, "full earned 500/500; first held 400/0; second held 100/0; other held 400/0; ")
	// The budget gives room to the first. It counts now, and the second leaves the
	// budget's queue: else other would wait behind it.
	full = adjusted(full, 1000)
	w.take(full)
	w.settle()
	w.expect(t, "full reversed 400/100; first earned 400/400; ")
	if state := w.redis.String(); !strings.Contains(state, "used 500, waiting [{"+fmt.Sprint(other.ConversionTime)) {
		t.Errorf("in the budget's queue stands more than other:\n%s", state)
	}
	// Without the first, the limit admits the second again: it is older than other.
	w.take(adjusted(first, 0))
	w.settle()
	w.expect(t, "first reversed 400/0; second earned 100/100; ")
	w.take(adjusted(full, 0))
	w.settle()
	w.expect(t, "full reversed 100/0; other earned 400/400; ")
}

func TestBudget_room_given_to_more_than_the_limit_admits_goes_back(t *testing.T) {
	rule := share()
	rule.Limit = &program.Limit{Period: program.Lifetime, Count: 1}
	redis, catalog := volatile.New(), budgeted(500, rule)
	one, two := newPartition(t, catalog, redis, 1), newPartition(t, catalog, redis, 2)
	full := worth("full", "bob", 5000)
	one.take(full)
	two.take(earlier(worth("first", "ann", 2000), 3000))
	two.take(earlier(worth("second", "ann", 1000), 2000))
	two.take(earlier(worth("other", "cid", 3000), 1000))
	two.outcomes()
	one.take(adjusted(full, 0)) // gives room to first and second, each of which the limit admits
	two.settle()
	two.expect(t, "first earned 200/200; other earned 300/300; ")
	if state := redis.String(); !strings.Contains(state, "used 500, waiting []") {
		t.Errorf("state\n%s", state)
	}
}

func TestBudget_lowered_limit_calls_back_what_it_no_longer_admits(t *testing.T) {
	with := func(count int64) *program.Catalog {
		rule := share()
		rule.Limit = &program.Limit{Period: program.Lifetime, Count: count}
		return budgeted(500, rule)
	}
	w := newWorld(t, with(2))
	w.take(worth("full", "bob", 4000))
	w.take(earlier(worth("first", "ann", 500), 2000))
	w.take(earlier(worth("second", "ann", 2000), 1000))
	w.take(worth("other", "cid", 2000))
	w.expect(t, "full earned 400/400; first earned 50/50; second held 200/0; other held 200/0; ")
	w.revise(with(1))
	w.settle()
	if state := w.redis.String(); !strings.Contains(state, "waiting [{"+fmt.Sprint(worth("", "", 0).ConversionTime)) {
		t.Errorf("in the budget's queue stands more than other:\n%s", state)
	}
	w.take(adjusted(worth("full", "bob", 4000), 2500))
	w.settle()
	w.expect(t, "full reversed 150/250; other earned 200/200; ")
}

func TestBudget_many_batches_of_many_ledgers(t *testing.T) {
	rule := share()
	rule.Hold = time.Hour
	w := newWorld(t, budgeted(100*64, rule))
	var records []event.Record
	for i := range 300 {
		records = append(records, recordOf(t, int64(i), worth(fmt.Sprint("c", i), fmt.Sprint("m", i%9), 1000)))
	}
	w.work(records)
	w.clocks(golden.WrittenAt + 20*day)
	counts := map[any]int{}
	for _, row := range w.rows[TableRewards] {
		counts[row["event_type"]]++
	}
	if counts["earned"] != 64 || counts["held"] != 236 || counts["approved"] != 64 {
		t.Errorf("%v", counts)
	}
}

// revise lets another configuration decide.
func (w *world) revise(c *program.Catalog) {
	w.catalog, w.bounds.Revision = c, w.bounds.Revision+"'"
}
