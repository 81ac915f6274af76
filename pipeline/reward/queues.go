package reward

import (
	"cmp"
	"math"
	"slices"

	"github.com/grapevinehq/grapevine/pipeline"
)

// QueueDue holds the rewards whose hold ends, by when it does.
const QueueDue = "q/due"

// queues are the queues that a batch works on: what was read of each, and what
// joined and left since.
type queues map[string]*queue

type queue struct {
	read    []pipeline.QueueMember // the first members, in order
	whole   bool                   // read are all of them
	limit   int                    // how many were asked for last
	changes map[string]stand       // by member
}

// stand is where a member stands after the batch so far.
type stand struct {
	rank int64
	in   bool
}

// pageSize is how many members of a queue are read first; each time that they
// do not do, twice as many.
const pageSize = 64

func (q queues) of(key string) *queue {
	found := q[key]
	if found == nil {
		found = &queue{changes: map[string]stand{}}
		q[key] = found
	}
	return found
}

func (q queues) join(key, member string, rank int64) {
	q.of(key).changes[member] = stand{rank: rank, in: true}
}

func (q queues) leave(key, member string) { q.of(key).changes[member] = stand{} }

// load takes the answer to an ask of [Needs].
func (q queues) load(ask pipeline.QueueAsk, members []pipeline.QueueMember) {
	of := q.of(ask.Key)
	of.read, of.limit, of.whole = members, ask.Limit, len(members) < ask.Limit
}

// more is how to read on.
func (q *queue) more(key string) pipeline.QueueAsk {
	return pipeline.QueueAsk{Key: key, UpTo: math.MaxInt64, Limit: max(pageSize, 2*q.limit)}
}

// members are those of the read part that are still there and those who joined,
// in order; after the last one there may be more unless the queue is whole.
func (q *queue) members(key string) []pipeline.QueueMember {
	var now []pipeline.QueueMember
	for _, m := range q.read {
		if _, changed := q.changes[m.Member]; !changed {
			now = append(now, m)
		}
	}
	for member, c := range q.changes {
		if c.in && (q.whole || len(q.read) > 0 && before(pipeline.QueueMember{Member: member, Rank: c.rank}, q.read[len(q.read)-1])) {
			now = append(now, pipeline.QueueMember{Key: key, Member: member, Rank: c.rank})
		}
	}
	slices.SortFunc(now, order)
	return now
}

// head is the first member of a queue; ask is how to read on when it must be
// read first, found false when the queue is empty.
func (q queues) head(key string) (first pipeline.QueueMember, found bool, ask *pipeline.QueueAsk) {
	of := q.of(key)
	now := of.members(key)
	switch {
	case len(now) > 0:
		return now[0], true, nil
	case of.whole:
		return first, false, nil
	}
	next := of.more(key)
	return first, false, &next
}

// all are all members of a queue.
func (q queues) all(key string) (members []pipeline.QueueMember, ask *pipeline.QueueAsk) {
	of := q.of(key)
	if !of.whole {
		next := of.more(key)
		return nil, &next
	}
	return of.members(key), nil
}

// writes adds what joined and left, in order.
func (q queues) writes(w *pipeline.Writes) {
	for key, of := range q {
		for member, c := range of.changes {
			m := pipeline.QueueMember{Key: key, Member: member, Rank: c.rank}
			if c.in {
				w.Enqueue = append(w.Enqueue, m)
			} else {
				w.Dequeue = append(w.Dequeue, m)
			}
		}
	}
	byKey := func(a, b pipeline.QueueMember) int {
		return cmp.Or(cmp.Compare(a.Key, b.Key), cmp.Compare(a.Member, b.Member))
	}
	slices.SortFunc(w.Enqueue, byKey)
	slices.SortFunc(w.Dequeue, byKey)
}

// order is that of a queue: by rank, then by member.
func order(a, b pipeline.QueueMember) int {
	return cmp.Or(cmp.Compare(a.Rank, b.Rank), cmp.Compare(a.Member, b.Member))
}

func before(a, b pipeline.QueueMember) bool { return order(a, b) < 0 }
