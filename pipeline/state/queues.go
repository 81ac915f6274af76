package state

import (
	"context"
	"fmt"
	"strconv"

	"github.com/redis/go-redis/v9"

	"github.com/grapevinehq/grapevine/pipeline"
)

// maxRank bounds ranks on both sides: a sorted set's scores are floating point,
// and beyond it two ranks could be one score.
const maxRank = 1 << 53

// queueChunk is how many members one command of fill.lua takes: what unpack can
// do is bounded.
const queueChunk = 500

// Heads implements pipeline.Queues, in one pipeline. As with Get, what Redis lost
// is not noticed here but by the step that uses what was read.
func (p *Partition) Heads(ctx context.Context, asks []pipeline.QueueAsk) ([][]pipeline.QueueMember, error) {
	commands := make([]*redis.ZSliceCmd, len(asks))
	if err := p.store.retry(ctx, "heads", func() error {
		_, err := p.store.client.Pipelined(ctx, func(pipe redis.Pipeliner) error {
			for i, ask := range asks {
				if ask.Limit > 0 { // a count of 0 would be all of them
					commands[i] = pipe.ZRangeByScoreWithScores(ctx, p.prefix+ask.Key, &redis.ZRangeBy{Min: "-inf", Max: scoreOf(ask.UpTo), Count: int64(ask.Limit)})
				}
			}
			return nil
		})
		return err
	}); err != nil {
		return nil, fmt.Errorf("read %d queues of %s: %w", len(asks), p.partition, err)
	}
	all := make([][]pipeline.QueueMember, len(asks))
	for i, command := range commands {
		if command == nil {
			continue
		}
		for _, z := range command.Val() {
			all[i] = append(all[i], pipeline.QueueMember{Key: asks[i].Key, Member: fmt.Sprint(z.Member), Rank: int64(z.Score)})
		}
	}
	return all, nil
}

// scoreOf is the score that a rank is compared with.
func scoreOf(rank int64) string {
	if rank > maxRank {
		return "+inf"
	}
	return strconv.FormatInt(rank, 10)
}

// checkRanks refuses ranks that a sorted set would not keep as they are.
func checkRanks(members []pipeline.QueueMember) error {
	for _, m := range members {
		if m.Rank > maxRank || m.Rank < -maxRank {
			return fmt.Errorf("%s cannot wait in queue %s: its rank %d is beyond 2^53", m.Member, m.Key, m.Rank)
		}
	}
	return nil
}

// byQueue gathers members that one command takes, those of a queue in the order given.
func byQueue(members []pipeline.QueueMember) [][]pipeline.QueueMember {
	var chunks [][]pipeline.QueueMember
	places := make(map[string]int)
	for _, m := range members {
		place, known := places[m.Key]
		if !known || len(chunks[place]) == queueChunk {
			place = len(chunks)
			places[m.Key] = place
			chunks = append(chunks, nil)
		}
		chunks[place] = append(chunks[place], m)
	}
	return chunks
}
