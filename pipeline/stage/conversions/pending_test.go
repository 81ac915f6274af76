package conversions

import (
	"fmt"
	"strings"
	"testing"

	"github.com/grapevinehq/grapevine/pipeline/event"
)

func TestPending_pauses_double(t *testing.T) {
	p := pending{Since: 5000, Asked: 5000}
	var asked []int64
	for now := int64(5000); now < 5000+askUntil; now += 100 {
		if p.due(now) {
			asked = append(asked, now-p.Since)
			p.Asked = now
		}
	}
	expect(t, "asked after", asked, []int64{1000, 2000, 4000, 8000, 16000, 32000, 64000, 128000, 256000, 512000})
}

// on is a partition of a world that holds a key, and another one that does not.
func on(w *world, key string) (*partition, string) {
	p := w.of([]byte(key))
	for i := 0; ; i++ {
		if other := fmt.Sprint("other", i); w.of([]byte(other)) != p {
			return p, other
		}
	}
}

func TestStage_an_adjustment_that_waited_is_found_to_be_anothers(t *testing.T) {
	s := &scene{world: newWorld(t, []byte(programs), 2)}
	s.pace = askAtFirst
	home, stranger := on(s.world, "c")
	away := s.of([]byte(stranger))
	adjust := func(id string) sent { return adjusted(id, 2, "a", data{"customer_id": stranger}) }

	s.sendTo(away, adjust("early"))
	s.sendTo(home, sale("a", 1, nil))
	if len(s.letters) != 0 || len(s.rows[waitingTable]) != 1 {
		t.Fatalf("dead letters %v, waiting %v", s.letters, s.rows[waitingTable])
	}
	s.sendTo(away, adjust("late")) // settles both
	expect(t, "dead letters", s.reasons(), []string{"1:invalid", "3:invalid"})
	for key := range away.memory {
		if strings.HasPrefix(key, waitingPrefix) && !strings.HasPrefix(key, waitingPrefix+"h") {
			t.Errorf("%s is remembered still", key)
		}
	}
}

func TestStage_asks_about_a_bounded_number(t *testing.T) {
	s := newScene(t)
	var events []sent
	for i := range maxPending + 10 {
		events = append(events, adjusted(fmt.Sprint("r", i), 2, fmt.Sprint("a", i), nil))
	}
	s.send(events...)
	var list []pending
	succeed(t, decode(s.parts[0].memory[pendingKey], &list))
	if len(list) != maxPending || len(s.rows[waitingTable]) != len(events) {
		t.Errorf("%d are asked about, %d wait", len(list), len(s.rows[waitingTable]))
	}
	s.pace = askUntil
	s.send(link("l", "v"))
	if s.parts[0].memory[pendingKey] != nil {
		t.Error("the books are asked for ever")
	}
	s.send(newRecord(event.TypeConversion, "a5", 1, data{"kind": "sale", "customer_id": "c", "amount_minor": 9, "currency": "EUR"}, nil))
	if n := len(s.rows[adjustmentsTable]); n != 1 {
		t.Errorf("%d adjustments were applied; want 1", n)
	}
}
