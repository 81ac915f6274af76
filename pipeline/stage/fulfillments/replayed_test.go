package fulfillments

import (
	"testing"

	"github.com/grapevinehq/grapevine/pipeline/event"
)

// An event that waited for its reward in vain is a dead letter. Replayed it waits
// anew, finds the reward, and is stored once, however often and late it is replayed.
func TestStage_stores_a_replayed_event_once_however_late(t *testing.T) {
	w := newWorld(t)
	w.rewards["other"] = Reward{Known: true, Currency: "EUR", Remaining: 5}
	replay := func() event.Record {
		rec := fulfilment("e1", event.TypeFulfilled, "late", nil)
		rec.Time += 2 * Wait.Milliseconds()
		rec.Headers = append(rec.Headers, event.Header{Key: event.OriginOffset, Value: []byte("0")})
		return rec
	}
	step := func(want string, n int, records ...event.Record) {
		t.Helper()
		out := w.batch(t, true, records...)
		if got := counts(out)[want]; got != n {
			t.Fatalf("%d %s, want %d: %+v", got, want, n, out.Counts)
		}
	}
	step("waiting", 1, fulfilment("e1", event.TypeFulfilled, "late", nil))
	after := fulfilment("e2", event.TypeFulfilled, "other", nil)
	after.Time += 2 * Wait.Milliseconds()
	step("unknown_reward", 1, after)
	step("waiting", 1, replay())
	step("redelivered", 1, replay()) // it waits
	w.rewards["late"] = Reward{Known: true, Currency: "EUR", Remaining: 5}
	step("stored", 1, replay()) // the one that waited
	for key := range w.own {
		delete(w.own, key) // the memory has forgotten
	}
	w.takeOver(t)
	step("redelivered", 2, replay(), replay())
	if r := w.rewards["late"]; r.Fulfilled != 5 {
		t.Errorf("%d was fulfilled, want 5", r.Fulfilled)
	}
}
