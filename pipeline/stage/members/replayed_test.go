package members

import (
	"maps"
	"testing"

	"github.com/grapevinehq/grapevine/pipeline/event"
)

// An update of an org that nobody knew is applied once the org is known, once,
// however often and late it is replayed, and whoever carries the batch out.
func TestStage_applies_a_replayed_update_once_however_late(t *testing.T) {
	for _, how := range []crash{smooth, afterBegin, afterClaim, afterFill} {
		w := newWorld(t, 1)
		p := w.parts[0]
		replay := func() event.Record {
			rec := update("new", "m", "e1", 10, nil)
			rec.Headers = append(rec.Headers, event.Header{Key: event.OriginOffset, Value: []byte("0")})
			return rec
		}
		p.batch(t, how, update("new", "m", "e1", 10, nil))
		out := p.batch(t, how, replay())
		if len(out.DeadLetters) != 1 || len(out.DeadLetters[0].Original.Headers) != 2 {
			t.Fatalf("%d: a replay that failed again, without its origin: %+v", how, out.DeadLetters)
		}
		w.orgs = append(w.orgs, "new")
		if got := counts(p.batch(t, how, replay(), replay())); got["applied"] != 1 || got["redelivered"] != 1 {
			t.Errorf("%d: %v", how, got)
		}
		maps.DeleteFunc(p.own, func(string, []byte) bool { return true }) // the memory has forgotten
		p.takeOver(t)
		if got := counts(p.batch(t, how, replay(), replay())); got["redelivered"] != 2 {
			t.Errorf("%d, late: %v", how, got)
		}
	}
}
