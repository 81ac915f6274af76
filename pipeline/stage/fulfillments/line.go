package fulfillments

import (
	"math"

	"github.com/grapevinehq/grapevine/pipeline/recall"
)

// line are the events that wait, in the order in which they came.
type line struct {
	places   []place
	waits    map[recall.Entry]bool
	earliest int64 // Kafka time of who came first by it
	changed  bool  // since the batch began
}

type place struct {
	waiter
	same recall.Entry
}

func newLine() *line { return &line{waits: make(map[recall.Entry]bool), earliest: math.MaxInt64} }

// add puts an event at the end of the line.
func (l *line) add(w waiter, same recall.Entry) {
	l.places = append(l.places, place{w, same})
	l.waits[same] = true
	l.earliest = min(l.earliest, w.Time)
	l.changed = true
}

// holds tells whether an event of an identity waits.
func (l *line) holds(same recall.Entry) bool { return l.waits[same] }

// expire takes those out who have waited long enough at a time, in milliseconds
// since the epoch.
func (l *line) expire(now int64) (out []ended) {
	if len(l.places) == 0 || now-l.earliest < Wait.Milliseconds() {
		return nil
	}
	left := l.places[:0]
	l.earliest = math.MaxInt64
	for _, p := range l.places {
		if p.over(now) {
			delete(l.waits, p.same)
			out = append(out, ended{p.waiter, decision{Verdict: unknownReward}})
			continue
		}
		left = append(left, p)
		l.earliest = min(l.earliest, p.Time)
	}
	l.places, l.changed = left, true
	return out
}

func (l *line) waiters() []waiter {
	list := make([]waiter, len(l.places))
	for i := range l.places {
		list[i] = l.places[i].waiter
	}
	return list
}
