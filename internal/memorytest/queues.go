package memorytest

import (
	"cmp"
	"context"
	"slices"

	"github.com/grapevinehq/grapevine/pipeline"
)

const maxRank = 1 << 53

// queue lets members leave queues, and then join or move in them.
func (own *partition) queue(writes pipeline.Writes) {
	for _, m := range writes.Dequeue {
		delete(own.queues[m.Key], m.Member)
		if len(own.queues[m.Key]) == 0 {
			delete(own.queues, m.Key)
		}
	}
	for _, m := range writes.Enqueue {
		if own.queues[m.Key] == nil {
			own.queues[m.Key] = map[string]int64{}
		}
		own.queues[m.Key][m.Member] = m.Rank
	}
}

// Heads implements pipeline.Queues.
func (m *Memory) Heads(_ context.Context, asks []pipeline.QueueAsk) ([][]pipeline.QueueMember, error) {
	m.redis.mutex.Lock()
	defer m.redis.mutex.Unlock()
	all := make([][]pipeline.QueueMember, len(asks))
	for i, ask := range asks {
		all[i] = heads(m.own.queues[ask.Key], ask)
	}
	return all, nil
}

func heads(queue map[string]int64, ask pipeline.QueueAsk) []pipeline.QueueMember {
	var members []pipeline.QueueMember
	for member, rank := range queue {
		if rank <= ask.UpTo {
			members = append(members, pipeline.QueueMember{Key: ask.Key, Member: member, Rank: rank})
		}
	}
	slices.SortFunc(members, func(a, b pipeline.QueueMember) int {
		return cmp.Or(cmp.Compare(a.Rank, b.Rank), cmp.Compare(a.Member, b.Member))
	})
	return members[:max(0, min(ask.Limit, len(members)))]
}
