package reward_test

import (
	"context"
	"fmt"
	"math"
	"testing"
	"time"

	"github.com/grapevinehq/grapevine/pipeline"
	"github.com/grapevinehq/grapevine/pipeline/event"
	"github.com/grapevinehq/grapevine/pipeline/program"
	"github.com/grapevinehq/grapevine/pipeline/reward"
)

// limited is a rule that pays 10 % under a limit.
func limited(limit program.Limit) *program.Rule {
	rule := perConversion(program.Reward{Type: "cash", HasBasisPoints: true, BasisPoints: 1000})
	rule.Limit = &limit
	return rule
}

func at(c event.Credit, ms int64) event.Credit {
	c.ConversionTime = ms
	return c
}

// outcome tells events in short: what happened to whose reward.
func outcome(events []reward.Event) (text string) {
	for _, e := range events {
		text += fmt.Sprintf("%s %s %d/%d; ", e.ConversionID, e.Type, e.Amount, e.Remaining)
	}
	return text
}

func expectOutcome(t *testing.T, events []reward.Event, want string) {
	t.Helper()
	if got := outcome(events); got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
}

func TestLimit_count_holds_what_does_not_fit_and_releases_the_oldest(t *testing.T) {
	b := newBook(t, oneRule(limited(program.Limit{Period: program.Month, Count: 2})))
	a, c, d, e := sale("a", 1000, "r"), sale("c", 2000, "r"), sale("d", 3000, "r"), sale("e", 4000, "r")
	d, e = at(d, date(2026, 11, 22)), at(e, date(2026, 11, 21))
	expectOutcome(t, b.take(a), "a earned 100/100; ")
	expectOutcome(t, b.take(c), "c earned 200/200; ")
	held := b.take(d)
	expectOutcome(t, held, "d held 300/0; ")
	if h := held[0]; h.Status != reward.StatusHeld || h.Reason != "limit of rule r, 2026-11" || h.Withheld != 300 {
		t.Errorf("held: %+v", h)
	}
	expectOutcome(t, b.take(e), "e held 400/0; ")
	// Another month is another limit.
	expectOutcome(t, b.take(at(sale("x", 100, "r"), date(2026, 12, 1))), "x earned 10/10; ")
	// The older conversion goes first, though it came later.
	released := b.take(next(a, 0, false))
	expectOutcome(t, released, "a reversed 100/0; e earned 400/400; ")
	if r := released[1]; r.Status != reward.StatusApproved || r.Sequence != 2 || r.Withheld != 0 {
		t.Errorf("released: %+v", r)
	}
	// Cancelled before it was released.
	cancelled := b.take(next(d, 0, false))
	expectOutcome(t, cancelled, "d reversed 300/0; ")
	if r := cancelled[0]; r.Status != reward.StatusReversed || r.Withheld != 0 {
		t.Errorf("cancelled: %+v", r)
	}
	expectOutcome(t, b.take(next(c, 0, false)), "c reversed 200/0; ")
	b.check()
}

func TestLimit_of_one_time_the_smaller_reward_id_goes_first(t *testing.T) {
	b := newBook(t, oneRule(limited(program.Limit{Period: program.Lifetime, Count: 1})))
	first := sale("first", 1000, "r")
	b.take(first)
	smallest := ""
	for _, id := range []string{"a", "b", "c", "d"} {
		b.take(sale(id, 1000, "r"))
		if r := reward.ConversionID("o", "p", "r", "get", id, "ann"); smallest == "" || r < reward.ConversionID("o", "p", "r", "get", smallest, "ann") {
			smallest = id
		}
	}
	expectOutcome(t, b.take(next(first, 0, false)), "first reversed 100/0; "+smallest+" earned 100/100; ")
}

func TestLimit_amount_holds_a_reward_whole_and_lets_an_increase_wait(t *testing.T) {
	b := newBook(t, oneRule(limited(program.Limit{Period: program.Lifetime, AmountMinor: 500})))
	a, c, d := sale("a", 3000, "r"), at(sale("c", 3000, "r"), date(2026, 11, 24)), sale("d", 1500, "r")
	expectOutcome(t, b.take(a), "a earned 300/300; ")
	expectOutcome(t, b.take(c), "c held 300/0; ")
	expectOutcome(t, b.take(d), "d earned 150/150; ") // what fits is not held
	// An increase that does not fit waits, and joins what waits already.
	a = next(a, 4000, true)
	held := b.take(a)
	expectOutcome(t, held, "a held 100/300; ")
	if h := held[0]; h.Status != reward.StatusApproved || h.Withheld != 100 {
		t.Errorf("a reward of which more waits is %s, withheld %d", h.Status, h.Withheld)
	}
	a = next(a, 5000, true)
	expectOutcome(t, b.take(a), "a held 100/300; ")
	// What waits is taken back first; then it fits, and is older than c.
	a = next(a, 3500, true)
	expectOutcome(t, b.take(a), "a reversed 150/300; a increased 50/350; ")
	expectOutcome(t, b.take(next(d, 0, false)), "d reversed 150/0; ")
	a = next(a, 2000, true)
	expectOutcome(t, b.take(a), "a reversed 150/200; c earned 300/300; ")
	b.check()
}

func TestLimit_what_waits_shrinks_until_it_fits(t *testing.T) {
	b := newBook(t, oneRule(limited(program.Limit{Period: program.Lifetime, AmountMinor: 500})))
	c := sale("c", 8000, "r")
	expectOutcome(t, b.take(c), "c held 800/0; ")
	c = next(c, 6000, true)
	expectOutcome(t, b.take(c), "c reversed 200/0; ")
	c = next(c, 5000, true)
	expectOutcome(t, b.take(c), "c reversed 100/0; c earned 500/500; ")
	expectOutcome(t, b.take(next(c, 6000, true)), "c held 100/500; ")
	b.check()
}

func TestLimit_oldest_that_does_not_fit_is_waited_for(t *testing.T) {
	b := newBook(t, oneRule(limited(program.Limit{Period: program.Lifetime, AmountMinor: 500})))
	a := sale("a", 4500, "r")
	b.take(a)
	b.take(at(sale("big", 5000, "r"), date(2026, 11, 1)))
	b.take(at(sale("small", 1000, "r"), date(2026, 11, 2)))
	a = next(a, 2000, true)
	expectOutcome(t, b.take(a), "a reversed 250/200; ")
	expectOutcome(t, b.take(next(a, 0, false)), "a reversed 200/0; big earned 500/500; ")
	b.check()
}

// Neither changes what the limit has let through.
func TestLimit_who_stands_behind_what_goes_is_looked_at(t *testing.T) {
	b := newBook(t, oneRule(limited(program.Limit{Period: program.Lifetime, AmountMinor: 500})))
	big := at(sale("big", 6000, "r"), date(2026, 11, 1))
	b.take(big)
	small := at(sale("small", 6000, "r"), date(2026, 11, 2))
	b.take(small)
	expectOutcome(t, b.take(next(small, 4000, true)), "small reversed 200/0; ")
	expectOutcome(t, b.take(next(big, 0, false)), "big reversed 600/0; small earned 400/400; ")
	b.check()
}

func TestLimit_of_quantities_counts_rewards_and_no_money(t *testing.T) {
	rule := perConversion(program.Reward{Type: "custom", Quantity: 7, Unit: "mug"})
	rule.Limit = &program.Limit{Period: program.Lifetime, Count: 1, AmountMinor: 5}
	b := newBook(t, oneRule(rule))
	expectOutcome(t, b.take(sale("a", 1000, "r")), "a earned 7/7; ")
	expectOutcome(t, b.take(sale("c", 1000, "r")), "c held 7/0; ")
	b.check()
}

func TestLimit_counts_a_rule_over_its_versions_and_is_that_of_the_conversions_version(t *testing.T) {
	with := func(limit *program.Limit) *program.Rule {
		rule := perConversion(program.Reward{AmountMinor: 100})
		rule.Limit = limit
		return rule
	}
	b := newBook(t, catalog(programOf("o", "p",
		version(date(2026, 1, 1), "USD", time.UTC, with(nil)),
		version(date(2026, 11, 10), "USD", time.UTC, with(&program.Limit{Period: program.Month, Count: 2})))))
	early := at(sale("a", 0, "r"), date(2026, 11, 5))
	expectOutcome(t, b.take(early), "a earned 100/100; ")
	expectOutcome(t, b.take(at(sale("c", 0, "r"), date(2026, 11, 15))), "c earned 100/100; ")
	expectOutcome(t, b.take(at(sale("d", 0, "r"), date(2026, 11, 16))), "d held 100/0; ")
	expectOutcome(t, b.take(at(sale("e", 0, "r"), date(2026, 11, 6))), "e earned 100/100; ") // its version has none
	expectOutcome(t, b.take(next(early, 0, false)), "a reversed 100/0; ")
	b.check()
}

func TestLimit_is_one_beneficiarys_own(t *testing.T) {
	b := newBook(t, oneRule(limited(program.Limit{Period: program.Lifetime, Count: 1})))
	c := sale("c", 1000, "r")
	b.take(sale("a", 1000, "r"))
	c.BeneficiaryID = "bob"
	expectOutcome(t, b.take(c), "c earned 100/100; ")
}

func TestLimit_of_tiers_steps_and_brackets(t *testing.T) {
	tiers := medals()
	tiers.Limit = &program.Limit{Period: program.Lifetime, Count: 3}
	b := newBook(t, oneRule(tiers))
	var credits []event.Credit
	for i := range 5 {
		credits = append(credits, sale(fmt.Sprint("c", i), 0, "m"))
		b.take(credits[i])
	}
	// bronze b, silver s and perk are through; gold and gold+1 wait.
	var held int
	for _, e := range b.events {
		if e.Type == reward.Held {
			held++
		}
	}
	if held != 2 {
		t.Fatalf("%d held: %s", held, tiersOf(b.events))
	}
	// The metric falls to 2: gold is lost while it waits, and nothing moves up.
	for _, c := range credits[2:] {
		b.take(next(c, 0, false))
	}
	expectTiers(t, b.take(next(credits[1], 0, false)), "reversed silver s#1 200; reversed silver perk#1 1; ")
	b.check()

	brackets := bracketRule(program.Lifetime, accelerator...)
	brackets.Limit = &program.Limit{Period: program.Lifetime, AmountMinor: 100_000}
	b = newBook(t, oneRule(brackets))
	first, second := sale("a", 900_000, "r"), sale("c", 500_000, "r")
	expectOutcome(t, b.take(first), "a earned 72000/72000; ")
	expectOutcome(t, b.take(second), "c held 56000/0; ")
	// 400 000 at 8 % and 100 000 at 12 % were the second's; without the first it is
	// 500 000 at 8 %, and the limit has room for it.
	expectOutcome(t, b.take(next(first, 0, false)), "a reversed 72000/0; c earned 56000/56000; c reversed 16000/40000; ")
	b.check()
}

func TestLimit_raised_by_a_changed_configuration_releases(t *testing.T) {
	b := newBook(t, oneRule(limited(program.Limit{Period: program.Lifetime, Count: 1})))
	for _, id := range []string{"a", "c", "d", "e"} {
		b.take(sale(id, 1000, "r"))
	}
	b.catalog, b.revision = oneRule(limited(program.Limit{Period: program.Lifetime, Count: 3})), 1
	if events := b.revised(); len(events) != 2 {
		t.Fatalf("released: %s", outcome(events))
	}
	if len(b.queue(reward.QueueLimits, 1)) != 0 || len(b.queue(reward.QueueLimits, math.MaxInt64)) != 1 {
		t.Error("the limit is not known to wait under the new configuration")
	}
	b.catalog, b.revision = oneRule(limited(program.Limit{Period: program.Lifetime, AmountMinor: 100_000})), 2
	if events := b.revised(); len(events) != 1 {
		t.Fatalf("released: %s", outcome(events))
	}
	if len(b.queue(reward.QueueLimits, math.MaxInt64)) != 0 {
		t.Error("nobody waits any more, but the limit does")
	}
	b.check()
}

func TestLimit_taken_out_of_the_rule_releases_and_a_rule_that_is_gone_does_not(t *testing.T) {
	b := newBook(t, oneRule(limited(program.Limit{Period: program.Lifetime, Count: 1})))
	c := sale("c", 1000, "r")
	b.take(sale("a", 1000, "r"))
	b.take(c)
	b.take(sale("d", 1000, "r"))
	b.catalog, b.revision = oneRule(), 1
	expectOutcome(t, b.revised(), "")
	expectOutcome(t, b.take(next(c, 0, false)), "c reversed 100/0; ")
	b.catalog, b.revision = oneRule(perConversion(program.Reward{Type: "cash", HasBasisPoints: true, BasisPoints: 1000})), 2
	expectOutcome(t, b.revised(), "d earned 100/100; ")
	b.check()
}

func TestLimit_whose_waiter_is_lost_lets_the_next_one_through(t *testing.T) {
	b := newBook(t, oneRule(limited(program.Limit{Period: program.Lifetime, Count: 1})))
	a := sale("a", 1000, "r")
	b.take(a)
	b.take(at(sale("lost", 1000, "r"), date(2026, 11, 1)))
	b.take(sale("c", 1000, "r"))
	b.number++
	_, err := b.memory.Fill(context.Background(), pipeline.Bounds{Partition: pipeline.Partition{Topic: "credits", Incarnation: "i"}, Number: b.number, Time: b.now},
		nil, nil, pipeline.Writes{Delete: []string{"c/o/ann/p/lost/referrer"}})
	b.must(err)
	expectOutcome(t, b.take(next(a, 0, false)), "a reversed 100/0; c earned 100/100; ")
}

func TestLimit_hold_of_a_released_reward_ends_when_that_of_its_conversion_does(t *testing.T) {
	rule := limited(program.Limit{Period: program.Lifetime, Count: 1})
	rule.Hold = 48 * time.Hour
	b := newBook(t, oneRule(rule))
	a := sale("a", 1000, "r")
	b.take(a)
	held := b.take(sale("c", 1000, "r"))
	if held[0].AvailableAt != date(2026, 11, 25) {
		t.Errorf("available at %d", held[0].AvailableAt)
	}
	expectOutcome(t, b.clock(date(2026, 11, 30)), "a approved 100/100; ")
	released := b.take(next(a, 0, false))
	if e := released[1]; e.Status != reward.StatusPending || e.AvailableAt != date(2026, 11, 25) {
		t.Errorf("released: %+v", e)
	}
	expectOutcome(t, b.clock(date(2026, 11, 30)), "c approved 100/100; ")
	b.check()
}

// revised takes what must be asked again under a changed configuration.
func (b *book) revised() []reward.Event {
	b.t.Helper()
	return b.batch(func(l *reward.Ledgers) []*reward.Taking {
		var again []*reward.Taking
		for _, m := range b.queue(reward.QueueLimits, l.Ordinal()-1) {
			again = append(again, l.TakeLimit("limit/"+m.Member, m.Member))
		}
		for _, m := range b.queue(reward.QueueRates, l.Ordinal()-1) {
			again = append(again, l.TakeRates("rate/"+m.Member, m.Member))
		}
		return again
	})
}
