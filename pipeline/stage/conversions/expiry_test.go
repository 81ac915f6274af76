package conversions

import (
	"strings"
	"testing"
)

// later is an event whose Kafka time lies hours after that of the first.
func later(hours int64, e sent) sent {
	e.hours = hours
	return e
}

func TestStage_an_adjustment_waits_72_hours_by_its_kafka_time(t *testing.T) {
	s := newScene(t)
	s.pace = askUntil // the books are asked no more
	s.send(adjusted("r1", 2, "a", nil), later(1, adjusted("r2", 2, "b", nil)))
	s.send(later(71, link("l1", "v")), sale("a", 1, nil)) // just in time
	s.send(later(72, link("l2", "v")))
	expect(t, "dead letters", s.reasons(), []string(nil))
	s.send(later(73, sale("b", 1, nil))) // shows by itself that the time is up
	s.send(later(75, adjusted("r3", 2, "b", data{"amount_minor": 1})))
	expect(t, "dead letters", s.reasons(), []string{"2:unknown_conversion"})
	if n := len(s.rows[adjustmentsTable]); n != 2 {
		t.Errorf("%d adjustments were applied; want 2", n)
	}
	for key := range s.parts[0].memory {
		if strings.HasPrefix(key, waitingPrefix) && key != hoursKey {
			t.Errorf("%s is remembered still", key)
		}
	}
}

func TestStage_time_is_up_within_one_batch(t *testing.T) {
	s := newScene(t)
	s.send(adjusted("r1", 2, "a", nil), later(80, link("l", "v")), later(80, sale("a", 1, nil)), later(80, adjusted("r2", 2, "x", nil)))
	expect(t, "dead letters", s.reasons(), []string{"1:unknown_conversion"})
	if n := len(s.rows[adjustmentsTable]); n != 0 {
		t.Errorf("%d adjustments were applied; want none", n)
	}
	s.send(later(152, link("l3", "v")))
	expect(t, "dead letters", s.reasons(), []string{"1:unknown_conversion", "4:unknown_conversion"})
}

func TestExpiries_damaged(t *testing.T) {
	list, err := appendExpiry(nil, &expiry{Offset: 7, KafkaTime: 9})
	succeed(t, err)
	list, err = appendExpiry(list, &expiry{Offset: 8})
	succeed(t, err)
	if found, err := decodeExpiries(list); err != nil || len(found) != 2 || found[0].Offset != 7 {
		t.Errorf("%+v, %v", found, err)
	}
	if _, err := decodeExpiries(list[:len(list)-1]); err == nil {
		t.Error("a cut list was read")
	}
}
