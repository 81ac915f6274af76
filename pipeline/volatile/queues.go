package volatile

import (
	"context"

	"github.com/tidwall/btree"

	"github.com/grapevinehq/grapevine/pipeline"
)

// queue is one sorted set.
type queue struct {
	ranks map[string]int64
	order *btree.BTreeG[ranked]
}

type ranked struct {
	rank   int64
	member string
}

func newQueue() *queue {
	less := func(a, b ranked) bool { return a.rank < b.rank || a.rank == b.rank && a.member < b.member }
	return &queue{ranks: map[string]int64{}, order: btree.NewBTreeGOptions(less, btree.Options{NoLocks: true})}
}

func (q *queue) leave(member string) {
	if rank, in := q.ranks[member]; in {
		q.order.Delete(ranked{rank, member})
		delete(q.ranks, member)
	}
}

func (q *queue) join(member string, rank int64) {
	q.leave(member)
	q.ranks[member] = rank
	q.order.Set(ranked{rank, member})
}

// heads are the first members, nil of a queue that nobody is in.
func (q *queue) heads(ask pipeline.QueueAsk) (members []pipeline.QueueMember) {
	if q == nil {
		return nil
	}
	q.order.Scan(func(r ranked) bool {
		if r.rank > ask.UpTo || len(members) >= ask.Limit {
			return false
		}
		members = append(members, pipeline.QueueMember{Key: ask.Key, Member: r.member, Rank: r.rank})
		return true
	})
	return members
}

// queue lets members leave queues, and then join or move in them.
func (own *partition) queue(writes pipeline.Writes) {
	for _, m := range writes.Dequeue {
		if q := own.queues[m.Key]; q != nil {
			if q.leave(m.Member); len(q.ranks) == 0 {
				delete(own.queues, m.Key)
			}
		}
	}
	for _, m := range writes.Enqueue {
		if own.queues[m.Key] == nil {
			own.queues[m.Key] = newQueue()
		}
		own.queues[m.Key].join(m.Member, m.Rank)
	}
}

// Heads implements pipeline.Queues.
func (m *Memory) Heads(_ context.Context, asks []pipeline.QueueAsk) ([][]pipeline.QueueMember, error) {
	m.store.mutex.Lock()
	defer m.store.mutex.Unlock()
	all := make([][]pipeline.QueueMember, len(asks))
	for i, ask := range asks {
		all[i] = m.own.queues[ask.Key].heads(ask)
	}
	return all, nil
}
