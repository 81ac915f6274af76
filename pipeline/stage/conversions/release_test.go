package conversions

import (
	"slices"
	"testing"

	"github.com/grapevinehq/grapevine/pipeline"
)

// What was claimed long ago, by whomever, makes a duplicate as ever, and is no
// longer remembered.
func TestStage_an_old_id_makes_a_duplicate(t *testing.T) {
	s := &scene{world: newWorld(t, []byte(programs), 2)}
	s.hot = 0 // all that a batch leaves is old when the next one comes
	s.sendTo(s.parts[1],
		sale("a", 1, data{"conversion_id": "one", "order_id": "m", "customer_id": "d"}),
		sale("b", 1, data{"conversion_id": "two", "order_id": "m", "customer_id": "d"}), // keeps its conversion_id
	)
	if len(s.claims) != 3 {
		t.Fatalf("%d ids are claimed, want 3", len(s.claims))
	}
	s.sendTo(s.parts[1], link("l", "v"))
	for key := range s.parts[1].memory {
		if isOwned(key) {
			t.Errorf("%s is remembered still", key)
		}
	}
	s.sendTo(s.parts[0],
		sale("c", 1, data{"conversion_id": "one"}), sale("e", 1, data{"conversion_id": "two"}),
		sale("f", 1, data{"conversion_id": "three", "order_id": "m"}),
		sale("g", 1, data{"conversion_id": "four", "order_id": "m", "currency": "GBP"}),
		sale("h", 1, data{"conversion_id": "four", "order_id": "m", "kind": "renewal"}), // nobody's
		sale("i", 1, data{"conversion_id": "five", "currency": "GBP"}),
	)
	expect(t, "verdicts", s.verdicts(), []string{
		"a:unattributed:no_candidate", "b:duplicate:order_id",
		"c:duplicate:conversion_id", "e:duplicate:conversion_id", "f:duplicate:order_id", "g:duplicate:order_id", "h:unattributed:no_candidate",
	})
	expect(t, "dead letters", s.reasons(), []string{"9:no_exchange_rate"})
	if len(s.claims) != 3 { // three; four and its order
		t.Errorf("%d ids are claimed, want 3", len(s.claims))
	}
	s.checkClaims(t)
}

// A batch that is taken over between its begin record and its journal has planned
// to release nothing; the next one does.
func TestStage_a_batch_that_is_taken_over_leaves_claims_to_the_next(t *testing.T) {
	s := newScene(t)
	s.hot = 0
	s.send(sale("a", 1, nil))
	records := s.records(sale("b", 1, nil))
	p := s.parts[0]
	facts := p.begin(records)
	p.takeOver()
	p.finish(records, facts)
	if len(s.claims) != 2 {
		t.Fatalf("%d ids are claimed, want 2", len(s.claims))
	}
	s.send(link("l", "v"))
	if len(s.claims) != 0 {
		t.Errorf("%d ids are claimed still", len(s.claims))
	}
	s.checkClaims(t)
}

func TestOwned_are_read_as_they_were_written(t *testing.T) {
	s := newScene(t)
	records := s.records(sale("a", 1, data{"order_id": "m"}), sale("b", 1, nil))
	p := s.parts[0]
	k := check(p.worker.Decode(pipeline.Bounds{First: records[0].Offset}, records))(t).(*work)
	k.record.Decisions = []decision{{Index: 0, Owns: ownsConversion | ownsOrder}, {Index: 1, Owns: ownsConversion}}
	var want []pipeline.Owned
	for _, c := range []struct {
		i  int
		by string
	}{{0, byConversion}, {0, byOrder}, {1, byConversion}} {
		q := claimOf(&k.events[c.i].Conversion, c.by)
		want = append(want, pipeline.Owned{ID: pipeline.NewClaimID(q.key()), Offset: records[c.i].Offset})
	}
	list := k.owned()
	got, err := appendOwned(nil, list)
	if err != nil || !slices.Equal(got, want) {
		t.Errorf("%v (%v), want %v", got, err, want)
	}
	for n := range list {
		if got, err := appendOwned(nil, list[:n]); err == nil && len(got) == len(want) {
			t.Errorf("%d of %d bytes were read as a whole", n, len(list))
		}
	}
}
