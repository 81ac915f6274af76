package reward_test

import (
	"context"
	"math"
	"testing"
	"time"

	"github.com/grapevinehq/grapevine/pipeline"
	"github.com/grapevinehq/grapevine/pipeline/event"
	"github.com/grapevinehq/grapevine/pipeline/program"
	"github.com/grapevinehq/grapevine/pipeline/reward"
)

// clock takes what is due at a time, as a batch of timers does.
func (b *book) clock(now int64) []reward.Event {
	b.t.Helper()
	b.now = now
	return b.batch(func(l *reward.Ledgers) []*reward.Taking {
		var due []*reward.Taking
		for _, m := range b.queue(reward.QueueDue, now) {
			due = append(due, l.TakeDue("due/"+m.Member, m.Member))
		}
		return due
	})
}

// queue are the members of a queue up to a rank.
func (b *book) queue(key string, upTo int64) []pipeline.QueueMember {
	b.t.Helper()
	heads, err := b.memory.Heads(context.Background(), []pipeline.QueueAsk{{Key: key, UpTo: upTo, Limit: math.MaxInt32}})
	b.must(err)
	return heads[0]
}

// change takes an update of ann.
func (b *book) change(m event.MemberChanged) []reward.Event {
	b.t.Helper()
	m.OrgID, m.MemberID, m.DecidedAt = "o", "ann", m.Time
	return b.batch(func(l *reward.Ledgers) []*reward.Taking { return []*reward.Taking{l.TakeChange("0", &m)} })
}

// heldRule pays 1000 after two days.
func heldRule() *program.Rule {
	rule := perConversion(program.Reward{Type: "cash", HasBasisPoints: true, BasisPoints: 1000})
	rule.Hold = 48 * time.Hour
	rule.Name = map[string]string{"en": "Thanks", "de": "Danke"}
	return rule
}

func TestHold_approves_what_remains_when_it_is_due(t *testing.T) {
	b := newBook(t, oneRule(heldRule()))
	c := sale("c", 10_000, "r")
	if e := b.take(c)[0]; e.Status != reward.StatusPending || e.AvailableAt != date(2026, 11, 25) {
		t.Errorf("earned: %s, available at %d", e.Status, e.AvailableAt)
	}
	expect(t, b.take(next(c, 6_000, true)), moved{reward.Reversed, 400, 600})
	expect(t, b.clock(date(2026, 11, 25)-1))
	events := b.clock(date(2026, 11, 25))
	expect(t, events, moved{reward.Approved, 600, 600})
	if e := events[0]; e.Status != reward.StatusApproved || e.Sequence != 3 || e.Time != date(2026, 11, 25) || e.ConversionID != "c" || e.Name != "Thanks" {
		t.Errorf("approved: %+v", e)
	}
	expect(t, b.clock(date(2026, 12, 25)))
	b.check()
}

func TestHold_reversed_before_it_is_due_is_never_approved(t *testing.T) {
	b := newBook(t, oneRule(heldRule()))
	c := sale("c", 10_000, "r")
	b.take(c)
	cancelled := next(c, 0, false)
	b.take(cancelled)
	if waiting := b.queue(reward.QueueDue, math.MaxInt64); len(waiting) > 0 {
		t.Errorf("after its cancel %v is due", waiting)
	}
	expect(t, b.clock(date(2026, 12, 1)))
	// Corrected upwards, it is pending again; its hold is over already, and the
	// next batch approves it.
	counts := b.take(next(cancelled, 5_000, true))
	expect(t, counts, moved{reward.Increased, 500, 500})
	if counts[0].Status != reward.StatusPending {
		t.Errorf("counting again: %s", counts[0].Status)
	}
	expect(t, b.clock(date(2026, 12, 1)), moved{reward.Approved, 500, 500})
	b.check()
}

func TestHold_increase_of_an_approved_reward_is_approved_at_once(t *testing.T) {
	b := newBook(t, oneRule(heldRule()))
	c := sale("c", 10_000, "r")
	b.take(c)
	b.clock(date(2026, 11, 26))
	events := b.take(next(c, 20_000, true))
	expect(t, events, moved{reward.Increased, 1000, 2000})
	if events[0].Status != reward.StatusApproved || len(b.queue(reward.QueueDue, math.MaxInt64)) > 0 {
		t.Errorf("increased: %s", events[0].Status)
	}
}

func TestHold_of_tiers_steps_and_brackets(t *testing.T) {
	tiers := medals()
	tiers.Hold = time.Hour
	brackets := bracketRule(program.Lifetime, accelerator...)
	brackets.ID, brackets.Hold = "b", time.Hour
	b := newBook(t, oneRule(tiers, brackets))
	var credits []event.Credit
	for _, id := range []string{"c1", "c2", "c3", "c4", "c5"} {
		credits = append(credits, sale(id, 1_000, "b", "m"))
		b.take(credits[len(credits)-1])
	}
	b.take(next(credits[4], 0, false))
	approved := b.clock(date(2026, 11, 24))
	if got := tiersOf(approved); len(approved) != 4+4 {
		t.Errorf("approved: %s", got)
	}
	for _, e := range approved {
		if e.TierID == "gold+1" || e.ConversionID == "c5" {
			t.Errorf("approved what was reversed: %+v", e)
		}
	}
	b.check()
}

func TestHold_while_banned_it_stays_pending_and_is_asked_again_at_each_update(t *testing.T) {
	b := newBook(t, oneRule(heldRule()))
	first, second := sale("c1", 10_000, "r"), sale("c2", 5_000, "r")
	b.take(first)
	b.take(second)
	b.change(event.MemberChanged{Time: 10, Status: event.Banned})
	expect(t, b.clock(date(2026, 11, 26)))
	if waiting := b.queue(reward.QueueDue, math.MaxInt64); len(waiting) > 0 {
		t.Errorf("%v is due for ever", waiting)
	}
	expect(t, b.change(event.MemberChanged{Time: 20, Status: event.Banned, Locale: "de"}))
	expect(t, b.change(event.MemberChanged{Time: 15, Status: event.Active})) // older than what is known
	expect(t, b.take(next(second, 0, false)), moved{reward.Reversed, 500, 0})
	events := b.change(event.MemberChanged{Time: 30, Status: event.Active, Locale: "de"})
	expect(t, events, moved{reward.Approved, 1000, 1000})
	if events[0].Name != "Danke" || events[0].Time != 30 {
		t.Errorf("approved: %+v", events[0])
	}
	expect(t, b.change(event.MemberChanged{Time: 40, Status: event.Active}))
	b.check()
}

func TestHold_of_a_banned_member_that_is_forgotten_is_approved(t *testing.T) {
	b := newBook(t, oneRule(heldRule()))
	b.change(event.MemberChanged{Time: 10, Status: event.Banned})
	b.take(sale("c1", 10_000, "r"))
	b.clock(date(2026, 11, 26))
	expect(t, b.change(event.MemberChanged{Time: 20, Forgotten: true}), moved{reward.Approved, 1000, 1000})
}

func TestMember_of_updates_with_one_time_the_later_in_kafka_counts(t *testing.T) {
	for name, c := range map[string]struct {
		partition int
		offset    int64
		taken     bool
	}{
		"the same":         {1, 5, false},
		"before it":        {1, 4, false},
		"after it":         {1, 6, true},
		"later partition":  {2, 0, true},
		"before it, there": {0, 9, false},
	} {
		b := newBook(t, oneRule(heldRule()))
		b.change(event.MemberChanged{Time: 10, Partition: 1, Offset: 5, Status: event.Banned})
		b.change(event.MemberChanged{Time: 10, Partition: c.partition, Offset: c.offset, Status: event.Active})
		b.take(sale("c1", 10_000, "r"))
		if approved := len(b.clock(date(2026, 11, 26))) == 1; approved != c.taken || b.repeated == 1 == c.taken {
			t.Errorf("%s: approved %v, %d repeated", name, approved, b.repeated)
		}
	}
}
