package state

import (
	"context"
	_ "embed" // the scripts
	"fmt"

	"github.com/redis/go-redis/v9"

	"github.com/grapevinehq/grapevine/pipeline"
)

var (
	//go:embed share.lua
	shareLua string
	//go:embed read.lua
	readLua string

	shareScript = newScript("share", markerLua, shareLua)
	readScript  = newScript("read", readLua)
)

// shareKey is the key of a shared hash.
func shareKey(g group, key string) string { return g.key("s:" + key) }

// ApplyShared implements pipeline.Memory. It visits every slot group, so a stage
// with shared memory calls it in every batch, also without sets: a group that
// missed one answers the next with pipeline.ErrStateLost.
func (p *Partition) ApplyShared(ctx context.Context, b pipeline.Bounds, sets []pipeline.SharedSet) error {
	base := p.args(shareField, b.Number, 0)
	calls := make([]call, Groups)
	for _, set := range sets {
		g := groupOf(set.Key)
		c := &calls[g]
		c.visit(g, markers[g:int(g)+1], base)
		c.keys = append(c.keys, shareKey(g, set.Key))
		value := []byte{'-'}
		if set.Value != nil {
			value = append([]byte{'+'}, set.Value...)
		}
		c.args = append(c.args, set.Field, value)
	}
	for g := range calls {
		calls[g].visit(group(g), markers[g:g+1], base)
	}
	if _, err := p.store.run(ctx, shareScript, calls); err != nil {
		return fmt.Errorf("share %d fields of batch %d of %s: %w", len(sets), b.Number, p.partition, err)
	}
	return nil
}

// CheckShared makes sure, at takeover, that every slot group knows the batch
// before number, the one that the journal holds, in its claims as much as in its
// shared fields, whichever the stage uses; if not, pipeline.ErrStateLost. It is
// for stages that visit all groups in every batch. The visits of batch number itself may
// have been cut off; its replay makes up for them.
func (s *Store) CheckShared(ctx context.Context, partition pipeline.Partition, number uint64) error {
	id, err := s.id()
	if err != nil {
		return err
	}
	if number < 2 {
		return nil
	}
	name := partitionName(partition)
	commands := make([]*redis.SliceCmd, Groups)
	if err := s.retry(ctx, "check", func() error {
		_, err := s.client.Pipelined(ctx, func(pipe redis.Pipeliner) error {
			for i, key := range markers {
				commands[i] = pipe.HMGet(ctx, key, "installation", claimField+name, shareField+name)
			}
			return nil
		})
		return err
	}); err != nil {
		return fmt.Errorf("check the slot groups for %s: %w", partition, err)
	}
	return checkVisits(id, name, number-1, commands)
}

// SharedReader reads what the partitions of other topics share.
type SharedReader struct {
	store        *Store
	incarnations map[string]string
}

// SharedReader returns a reader that knows the topics' ids in Kafka, by the
// name that callers use for the topic.
func (s *Store) SharedReader(incarnations map[string]string) *SharedReader {
	return &SharedReader{store: s, incarnations: incarnations}
}

// ReadShared returns the fields of each shared hash, nil where there is none.
// numbers tells, by topic and partition, the last batch that is known to be
// complete (pipeline.Progress): a slot group that does not have it is
// pipeline.ErrStateLost. Only groups of the keys are asked.
func (r *SharedReader) ReadShared(ctx context.Context, numbers map[string][]uint64, keys []string) ([]map[string][]byte, error) {
	id, err := r.store.id()
	if err != nil {
		return nil, err
	}
	known, err := r.known(id, numbers)
	if err != nil {
		return nil, err
	}
	calls, order := readCalls(known, keys)
	answers, err := r.store.run(ctx, readScript, calls)
	if err != nil {
		return nil, fmt.Errorf("read %d shared keys: %w", len(keys), err)
	}
	values := make([]map[string][]byte, len(keys))
	for i, answer := range answers {
		for j, key := range order[i] {
			if values[key], err = hash(answer, j+1); err != nil {
				return nil, fmt.Errorf("read the shared key %s: %w", keys[key], err)
			}
		}
	}
	return values, nil
}

// known makes the arguments that say how far every group must be.
func (r *SharedReader) known(id string, numbers map[string][]uint64) ([]any, error) {
	args := []any{id}
	for topic, partitions := range numbers {
		incarnation, ok := r.incarnations[topic]
		if !ok {
			return nil, fmt.Errorf("read shared keys: the id of topic %s is not known", topic)
		}
		for i, number := range partitions {
			if number > 0 {
				args = append(args, shareField+partitionName(pipeline.Partition{Incarnation: incarnation, ID: i}), number)
			}
		}
	}
	return args, nil
}

// readCalls are the calls by group, and which keys each carries.
func readCalls(known []any, keys []string) ([]call, [][]int) {
	var calls []call
	var order [][]int
	var place [Groups]int // by group, the call's index, from 1
	for i, key := range keys {
		g := groupOf(key)
		if place[g] == 0 {
			calls = append(calls, call{group: g, keys: []string{g.marker()}, args: known})
			order = append(order, nil)
			place[g] = len(calls)
		}
		at := place[g] - 1
		calls[at].keys = append(calls[at].keys, shareKey(g, key))
		order[at] = append(order[at], i)
	}
	return calls, order
}

// hash reads fields and values in turn.
func hash(answer []any, i int) (map[string][]byte, error) {
	if i >= len(answer) {
		return nil, fmt.Errorf("redis answered for %d keys only", len(answer)-1)
	}
	flat, ok := answer[i].([]any)
	if !ok || len(flat)%2 != 0 {
		return nil, fmt.Errorf("redis answered with a %T instead of fields and values", answer[i])
	}
	if len(flat) == 0 {
		return nil, nil
	}
	fields := make(map[string][]byte, len(flat)/2)
	for j := 0; j < len(flat); j += 2 {
		fields[text(flat, j)] = elementBytes(flat, j+1)
	}
	return fields, nil
}
