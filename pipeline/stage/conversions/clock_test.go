package conversions

import (
	"context"
	"testing"

	"github.com/grapevinehq/grapevine/internal/golden"
	"github.com/grapevinehq/grapevine/pipeline"
)

// due asks the worker, as the loop does while the partition rests, what is due
// so many milliseconds after the first Kafka time.
func (p *partition) due(after int64) bool {
	p.world.t.Helper()
	p.clock = golden.WrittenAt + after
	return check(p.worker.(pipeline.Timekeeper).Due(context.Background(), p.clock))(p.world.t)
}

// No later record comes to show that the time is up: the clock does.
func TestStage_an_adjustment_waits_72_hours_by_the_clock(t *testing.T) {
	s := newScene(t)
	p := s.parts[0]
	if p.due(100 * hour) {
		t.Error("something is due before anybody waits")
	}
	s.send(adjusted("r1", 2, "a", nil), adjusted("r2", 2, "b", nil), later(1, adjusted("r3", 2, "c", nil)))
	s.send(sale("a", 1, nil))
	if p.due(72*hour - 1) {
		t.Error("due too early")
	}
	if !p.due(72 * hour) {
		t.Fatal("not due, and the time is up")
	}
	p.work(nil)
	expect(t, "dead letters", s.reasons(), []string{"2:unknown_conversion"})
	if p.due(73*hour - 1) {
		t.Error("due again, and nothing has happened")
	}
	if !p.due(73 * hour) {
		t.Fatal("not due, and the time is up")
	}
	p.work(nil)
	expect(t, "dead letters", s.reasons(), []string{"2:unknown_conversion", "3:unknown_conversion"})
	for range 3 { // lists that are over are dropped, once
		if p.due(200 * hour) {
			p.work(nil)
		}
	}
	if p.due(200 * hour) {
		t.Error("due, and nobody waits")
	}
	s.send(adjusted("r2", 2, "b", nil)) // it can be sent again
	if s.counts[redelivered] != 0 {
		t.Error("what waited in vain is a redelivery")
	}
}

// The conversion comes on another partition, and nothing more on this one.
func TestStage_an_adjustment_that_waits_is_found_to_be_anothers_by_the_clock(t *testing.T) {
	s := &scene{world: newWorld(t, []byte(programs), 2)}
	home, stranger := on(s.world, "c")
	away := s.of([]byte(stranger))
	s.sendTo(away, adjusted("x", 2, "a", data{"customer_id": stranger}), adjusted("y", 2, "b", data{"customer_id": stranger}))
	if away.due(10) {
		t.Error("due before the books know")
	}
	s.sendTo(home, sale("a", 1, nil))
	if !away.due(20) {
		t.Fatal("not due, and the books know")
	}
	away.work(nil)
	expect(t, "dead letters", s.reasons(), []string{"1:invalid"})
	if away.due(30) {
		t.Error("due again, and nothing has happened")
	}
	s.sendTo(home, sale("b", 1, nil))
	if away.due(askUntil + 1000) {
		t.Error("the books are asked for ever")
	}
}
