package conversions

import (
	"strings"
	"testing"
)

// A dead letter takes nothing (§9 (4)), also one that waited before it was one:
// whoever sends the event again is heard.
func TestStage_an_adjustment_that_waited_in_vain_can_be_sent_again(t *testing.T) {
	first := adjusted("r", 2, "a", data{"amount_minor": 100})
	again := later(80, first)
	story := []sent{
		first, first, // redelivered: it waits
		later(75, link("l", "v")), // its time is up
		again, again,              // it waits anew
		later(81, sale("a", 1, nil)),
		later(82, first), // redelivered: it was applied
	}
	for name, cuts := range map[string][]int{"in one batch": {7}, "over batches": {1, 2, 3, 4, 5, 6, 7}, "in three": {2, 5, 7}} {
		t.Run(name, func(t *testing.T) {
			s := newScene(t)
			from := 0
			for _, to := range cuts {
				s.send(story[from:to]...)
				s.parts[0].takeOver()
				from = to
			}
			expect(t, "dead letters", s.reasons(), []string{"1:unknown_conversion"})
			if s.counts[redelivered] != 3 || len(s.rows[waitingTable]) != 2 || len(s.rows[adjustmentsTable]) != 1 {
				t.Errorf("%d redelivered, %d waited, %d applied; want 3, 2, 1",
					s.counts[redelivered], len(s.rows[waitingTable]), len(s.rows[adjustmentsTable]))
			}
			for key := range s.parts[0].memory {
				if strings.HasPrefix(key, identityPrefix) {
					t.Errorf("%s is remembered still", key)
				}
			}
		})
	}
}

func TestStage_an_adjustment_of_another_customers_is_invalid_each_time(t *testing.T) {
	for name, send := range map[string]func(*scene, ...sent){
		"in one batch": func(s *scene, events ...sent) { s.send(events...) },
		"over batches": func(s *scene, events ...sent) {
			for _, e := range events {
				s.send(e)
			}
		},
	} {
		t.Run(name, func(t *testing.T) {
			s := newScene(t)
			other := adjusted("x", 2, "a", data{"customer_id": "d"})
			send(s, other, sale("a", 1, nil), other, other)
			expect(t, "dead letters", s.reasons(), []string{"1:invalid", "3:invalid", "4:invalid"})
		})
	}
}

// An event id that an adjustment used which waited in vain is free for a
// conversion, which then claims; before that it is not, and claims nothing.
func TestStage_claims_with_an_id_of_an_adjustment_that_waited(t *testing.T) {
	for name, c := range map[string]struct {
		before []sent
		batch  []sent
		want   []string
	}{
		"waits still":          {[]sent{adjusted("X", 1, "one", nil)}, []sent{sale("X", 2, data{"conversion_id": "two"}), sale("b", 3, data{"conversion_id": "two"})}, []string{"b:unattributed:no_candidate"}},
		"is up in this batch":  {[]sent{adjusted("X", 1, "one", nil)}, []sent{later(75, link("l", "v")), sale("X", 2, data{"conversion_id": "two"}), sale("b", 3, data{"conversion_id": "two"})}, []string{"X:unattributed:no_candidate", "b:duplicate:conversion_id"}},
		"was up before":        {[]sent{adjusted("X", 1, "one", nil), later(75, link("l", "v"))}, []sent{sale("X", 2, data{"conversion_id": "two"}), sale("b", 3, data{"conversion_id": "two"})}, []string{"X:unattributed:no_candidate", "b:duplicate:conversion_id"}},
		"came with this batch": {[]sent{link("l0", "v")}, []sent{adjusted("X", 1, "one", nil), later(75, link("l", "v")), sale("X", 2, data{"conversion_id": "two"}), sale("b", 3, data{"conversion_id": "two"})}, []string{"X:unattributed:no_candidate", "b:duplicate:conversion_id"}},
		"is applied in this batch": {[]sent{adjusted("X", 1, "one", nil)},
			[]sent{sale("a", 1, data{"conversion_id": "one"}), sale("X", 2, data{"conversion_id": "two"}), sale("b", 3, data{"conversion_id": "two"})},
			[]string{"a:unattributed:no_candidate", "b:unattributed:no_candidate"}},
	} {
		t.Run(name, func(t *testing.T) {
			s := newScene(t)
			s.send(c.before...)
			s.send(c.batch...)
			expect(t, "verdicts", s.verdicts(), c.want)
			s.checkClaims(t)
		})
	}
}
