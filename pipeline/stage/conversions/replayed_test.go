package conversions

import (
	"strings"
	"testing"
)

// replayed is a dead letter that comes again.
func replayed(e sent) sent {
	e.again = true
	return e
}

// forget is what time does to the memory of taken events.
func (s *scene) forget() {
	for key := range s.parts[0].memory {
		if key == "s" || strings.Contains(key, ".") {
			delete(s.parts[0].memory, key)
		}
	}
	s.parts[0].takeOver()
}

// A dead letter took nothing: not its ids, not its event. Replayed once its cause is
// mended it is taken, once, however often and late it is replayed.
func TestStage_takes_what_is_replayed_once_however_late(t *testing.T) {
	for name, e := range map[string]struct {
		sent   sent
		table  string
		reason string
		before []sent // what must be there for it
	}{
		"a conversion":  {sale("a", 1, data{"program": "later", "order_id": "o1"}), conversionsTable, unknownProgram, nil},
		"an adjustment": {adjusted("r", 2, "a", data{"program": "later", "amount_minor": 5}), adjustmentsTable, unknownProgram, []sent{sale("a", 1, data{"program": "later"})}},
		"a link":        {func() sent { l := link("l", "v"); l.body["programid"] = "later"; return l }(), linksTable, unknownProgram, nil},
	} {
		t.Run(name, func(t *testing.T) {
			s := newScene(t)
			s.send(e.sent)
			s.send(replayed(e.sent), replayed(e.sent)) // the cause is not mended yet
			expect(t, "dead letters", s.reasons(), []string{"1:" + e.reason, "2:" + e.reason, "3:" + e.reason})
			org := s.catalog.Orgs["o"]
			org.Programs["later"] = org.Programs["p"]
			for _, b := range e.before {
				s.send(b)
			}
			s.send(replayed(e.sent), replayed(e.sent))
			s.send(replayed(e.sent))
			s.forget()
			s.send(replayed(e.sent), replayed(e.sent))
			if n := len(s.rows[e.table]); n != 1 || s.counts[redelivered] != 4 {
				t.Errorf("%d rows and %d redelivered, want 1 and 4", n, s.counts[redelivered])
			}
			if c := s.rows[conversionsTable]; len(c) > 0 && c[0]["verdict"] != unattributed {
				t.Errorf("verdict %v: somebody had claimed its ids", c[0]["verdict"])
			}
		})
	}
}

// An adjustment may wait for longer than the memory of taken events reaches: what
// waits is not taken a second time, and nor is what waited.
func TestStage_a_replay_finds_an_adjustment_that_waits(t *testing.T) {
	refund := adjusted("r", 2, "a", data{"amount_minor": 100})
	for name, last := range map[string][][]sent{
		"in one batch": {{sale("a", 1, nil), replayed(refund)}},
		"over batches": {{replayed(refund)}, {sale("a", 1, nil)}, {replayed(refund)}},
	} {
		t.Run(name, func(t *testing.T) {
			s := newScene(t)
			s.send(refund)
			s.send(later(75, link("l", "v"))) // its time is up
			expect(t, "dead letters", s.reasons(), []string{"1:unknown_conversion"})
			s.send(later(76, replayed(refund))) // it waits anew
			s.forget()
			for _, batch := range last {
				for i := range batch {
					batch[i] = later(77, batch[i])
				}
				s.send(batch...)
			}
			s.forget()
			s.send(later(78, replayed(refund)))
			if n, waited := len(s.rows[adjustmentsTable]), len(s.rows[waitingTable]); n != 1 || waited != 2 {
				t.Errorf("applied %d times and waited %d times, want 1 and 2", n, waited)
			}
		})
	}
}

// What is found in the books claims no id, though it would if it were new.
func TestStage_a_replay_that_was_taken_claims_nothing(t *testing.T) {
	s := newScene(t)
	early := sale("a", 1, nil)
	v := s.catalog.Orgs["o"].Programs["p"].Versions[0]
	from := v.ValidFrom
	v.ValidFrom = at(1) + 1
	s.send(early)
	v.ValidFrom = from
	s.forget()
	s.send(replayed(early))
	other := sale("b", 1, data{"conversion_id": "a"})
	s.send(other)
	expect(t, "verdicts", s.verdicts(), []string{"a:inactive:the program is not active at this time", "b:unattributed:no_candidate"})
}
