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

// decide takes a person's decision about the reward of an event.
func (b *book) decide(of *reward.Event, decision event.Decision, id string) []reward.Event {
	b.t.Helper()
	d := event.RewardDecision{
		OrgID: of.OrgID, ProgramID: of.ProgramID, RewardID: of.RewardID, BeneficiaryID: of.BeneficiaryID, Role: of.BeneficiaryRole,
		RuleID: of.RuleID, Reward: of.Reward, TierID: of.TierID, Period: of.Period, Occurrence: of.Occurrence, ConversionID: of.ConversionID,
		Decision: decision, Actor: "olaf", Reason: "looked at", Source: "crm", EventID: id, Time: date(2026, 11, 30), DecidedAt: date(2026, 12, 1),
	}
	return b.batch(func(l *reward.Ledgers) []*reward.Taking { return []*reward.Taking{l.TakeDecision("0", &d)} })
}

func TestDecision_approves_early(t *testing.T) {
	b := newBook(t, oneRule(heldRule()))
	c := sale("c", 10_000, "r")
	earned := b.take(c)[0]
	approved := b.decide(&earned, event.Approve, "1")
	expect(t, approved, moved{reward.Approved, 1000, 1000})
	if e := approved[0]; e.Status != reward.StatusApproved || e.Reason != "approved by olaf: looked at" || e.Time != date(2026, 12, 1) || e.AvailableAt != earned.AvailableAt {
		t.Errorf("approved: %+v", e)
	}
	expect(t, b.decide(&earned, event.Approve, "2")) // it is not pending any more
	expect(t, b.clock(date(2026, 12, 25)))
	expect(t, b.take(next(c, 20_000, true)), moved{reward.Increased, 1000, 2000})
	b.check()
}

func TestDecision_takes_back_all_that_remains_for_good(t *testing.T) {
	for decision, word := range map[event.Decision]string{event.Reject: "rejected", event.Reverse: "reversed"} {
		t.Run(string(decision), func(t *testing.T) {
			b := newBook(t, oneRule(heldRule()))
			c := sale("c", 10_000, "r")
			earned := b.take(c)[0]
			c = next(c, 8_000, true)
			b.take(c)
			taken := b.decide(&earned, decision, "1")
			expect(t, taken, moved{reward.Reversed, 800, 0})
			if e := taken[0]; e.Status != reward.StatusReversed || e.Reason != word+" by olaf: looked at" {
				t.Errorf("taken back: %+v", e)
			}
			if due := b.queue(reward.QueueDue, math.MaxInt64); len(due) > 0 {
				t.Errorf("%v is due", due)
			}
			c = next(c, 20_000, true)
			expect(t, b.take(c))
			c = next(c, 0, false)
			expect(t, b.take(c))
			expect(t, b.take(next(c, 5_000, true)))
			expect(t, b.decide(&earned, event.Approve, "2"))
			b.check()
		})
	}
}

func TestDecision_is_taken_once(t *testing.T) {
	b := newBook(t, oneRule(heldRule()))
	c := sale("c", 10_000, "r")
	earned := b.take(c)[0]
	b.decide(&earned, event.Approve, "1")
	c = next(c, 0, false)
	b.take(c)
	b.take(next(c, 3_000, true)) // pending again
	expect(t, b.decide(&earned, event.Approve, "1"))
	if b.repeated != 1 {
		t.Errorf("%d repeated", b.repeated)
	}
	expect(t, b.decide(&earned, event.Approve, "2"), moved{reward.Approved, 300, 300})
	b.check()
}

func TestDecision_frees_the_limit_and_takes_what_waits_too(t *testing.T) {
	b := newBook(t, oneRule(limited(program.Limit{Period: program.Lifetime, AmountMinor: 500})))
	a, c := sale("a", 4000, "r"), at(sale("c", 5000, "r"), date(2026, 11, 24))
	first := b.take(a)[0]
	waits := b.take(c)[0]
	b.take(next(a, 6000, true))
	expect(t, b.decide(&waits, event.Approve, "1")) // it is held, not pending
	// 400 let through and 200 that wait go together, and c has room.
	events := b.decide(&first, event.Reject, "2")
	expectOutcome(t, events, "a reversed 600/0; c earned 500/500; ")
	b.check()

	b = newBook(t, oneRule(limited(program.Limit{Period: program.Lifetime, AmountMinor: 500})))
	b.take(a)
	waits = b.take(c)[0]
	expectOutcome(t, b.decide(&waits, event.Reverse, "1"), "c reversed 500/0; ")
	expectOutcome(t, b.take(next(a, 0, false)), "a reversed 400/0; ")
	b.check()
}

func TestDecision_about_tiers_concerns_one_occurrence(t *testing.T) {
	b := newBook(t, oneRule(medals()))
	var credits []event.Credit
	for i := range 5 {
		credits = append(credits, sale(fmt.Sprint("c", i), 0, "m"))
		b.take(credits[i])
	}
	bronze, step := b.events[0], b.events[4]
	if bronze.TierID != "bronze" || step.TierID != "gold+1" {
		t.Fatalf("events %s", tiersOf(b.events))
	}
	expectTiers(t, b.decide(&bronze, event.Reject, "1"), "reversed bronze b#1 100; ")
	expectTiers(t, b.decide(&step, event.Reject, "2"), "reversed gold+1 g#1 300; ")
	for i := range credits {
		credits[i] = next(credits[i], 0, false)
		b.take(credits[i])
	}
	// Reached again, it is another reward; the first occurrence has nothing left.
	expectTiers(t, b.take(sale("again", 0, "m")), "earned bronze b#2 100; ")
	expectTiers(t, b.decide(&bronze, event.Reverse, "3"), "")
	b.check()
}

func TestDecision_about_brackets_leaves_the_others_as_they_are(t *testing.T) {
	rule := bracketRule(program.Lifetime, program.Bracket{FromMinor: 0, BasisPoints: 1000}, program.Bracket{FromMinor: 1000, BasisPoints: 2000})
	rule.Hold = time.Hour
	b := newBook(t, oneRule(rule))
	a := sale("a", 1000, "r")
	first := b.take(a)[0]
	expect(t, b.take(sale("c", 1000, "r")), moved{reward.Earned, 200, 200})
	expect(t, b.decide(&first, event.Reject, "1"), moved{reward.Reversed, 100, 0})
	// Its part in the total stays its own: the cancel takes 200 of the total, of
	// which a's 100 are gone already and c gives the rest.
	expectOutcome(t, b.take(next(a, 0, false)), "c reversed 100/100; ")
	b.check()
}

func TestDecision_while_banned_ends_the_wait(t *testing.T) {
	b := newBook(t, oneRule(heldRule()))
	earned := b.take(sale("c", 10_000, "r"))[0]
	b.change(event.MemberChanged{Time: 10, Status: event.Banned})
	b.clock(date(2026, 11, 26))
	expect(t, b.decide(&earned, event.Approve, "1"), moved{reward.Approved, 1000, 1000})
	expect(t, b.change(event.MemberChanged{Time: 20, Status: event.Active}))
	b.check()
}

func TestDecision_about_what_the_ledger_does_not_know_does_nothing(t *testing.T) {
	b := newBook(t, oneRule(heldRule()))
	earned := b.take(sale("c", 10_000, "r"))[0]
	other := earned
	other.RewardID = reward.ConversionID("o", "p", "r", "get", "c", "bob")
	expect(t, b.decide(&other, event.Reject, "1"))
	other = earned
	other.ConversionID = "d"
	expect(t, b.decide(&other, event.Reject, "2"))
	other = earned
	other.TierID, other.Occurrence = "t", 1
	expect(t, b.decide(&other, event.Reject, "3"))
	b.check()
}
