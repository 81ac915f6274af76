package state

import (
	"context"
	_ "embed" // the scripts
	"fmt"

	"github.com/redis/go-redis/v9"

	"github.com/grapevinehq/grapevine/pipeline"
)

var (
	//go:embed begin.lua
	beginLua string
	//go:embed fill.lua
	fillLua string

	beginScript = newScript("begin", markerLua, homeLua, beginLua)
	fillScript  = newScript("fill", markerLua, homeLua, fillLua)
)

// getChunk is how many keys one MGET reads, so that none holds Redis up for long.
const getChunk = 1000

// Get reads values of the partition's own keys, in one pipeline; nil where
// there is none. Values may share one block of memory. What Redis lost is not
// noticed here but by the step that uses what was read, before it has an effect.
func (p *Partition) Get(ctx context.Context, keys []string) ([][]byte, error) {
	if len(keys) == 0 {
		return nil, nil
	}
	whole := p.keys(nil, keys)
	var commands []*redis.SliceCmd
	err := p.store.retry(ctx, "get", func() error {
		commands = commands[:0]
		pipe := p.store.client.Pipeline()
		for from := 0; from < len(whole); from += getChunk {
			chunk := whole[from:min(from+getChunk, len(whole))]
			args := make([]any, 2, 1+len(chunk))
			args[0], args[1] = "mget", chunk[0]
			for i := range chunk[1:] {
				args = append(args, &chunk[i+1])
			}
			command := redis.NewSliceCmd(ctx, args...)
			_ = pipe.Process(ctx, command) // queued; Exec sends it
			commands = append(commands, command)
		}
		_, err := pipe.Exec(ctx)
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("read %d keys of %s: %w", len(keys), p.partition, err)
	}
	return gather(commands, len(keys)), nil
}

// Tails implements pipeline.Memory, in pipelines of getChunk reads. As with Get,
// what Redis lost is noticed by the step that uses what was read.
func (p *Partition) Tails(ctx context.Context, asks []pipeline.TailAsk) ([][]byte, error) {
	values := make([][]byte, 0, len(asks))
	for from := 0; from < len(asks); from += getChunk {
		chunk := asks[from:min(from+getChunk, len(asks))]
		commands := make([]*redis.StringCmd, len(chunk))
		err := p.store.retry(ctx, "tails", func() error {
			pipe := p.store.client.Pipeline()
			for i, ask := range chunk {
				commands[i] = pipe.GetRange(ctx, p.prefix+ask.Key, int64(ask.From), -1)
			}
			_, err := pipe.Exec(ctx)
			return err
		})
		if err != nil {
			return nil, fmt.Errorf("read the ends of %d keys of %s: %w", len(asks), p.partition, err)
		}
		for _, command := range commands {
			tail, err := command.Bytes()
			if err != nil {
				return nil, fmt.Errorf("read the ends of %d keys of %s: %w", len(asks), p.partition, err)
			}
			values = append(values, tail)
		}
	}
	return values, nil
}

// gather copies the values into one block.
func gather(commands []*redis.SliceCmd, n int) [][]byte {
	size := 0
	for _, command := range commands {
		for _, value := range command.Val() {
			if s, ok := value.(string); ok {
				size += len(s)
			}
		}
	}
	block := make([]byte, 0, size)
	values := make([][]byte, 0, n)
	for _, command := range commands {
		for _, value := range command.Val() {
			s, ok := value.(string)
			if !ok {
				values = append(values, nil)
				continue
			}
			from := len(block)
			block = append(block, s...)
			values = append(values, block[from:len(block):len(block)])
		}
	}
	return values
}

// keys appends the whole names of own keys.
func (p *Partition) keys(whole, keys []string) []string {
	if whole == nil {
		whole = make([]string, 0, len(keys))
	}
	for _, key := range keys {
		whole = append(whole, p.prefix+key)
	}
	return whole
}

// Begin implements pipeline.Memory. When a later batch is recorded the error is
// pipeline.ErrFenced.
func (p *Partition) Begin(ctx context.Context, b pipeline.Bounds, facts []byte) (pipeline.Journal, error) {
	encoded, err := encodeBounds(b)
	if err != nil {
		return pipeline.Journal{}, err
	}
	run := call{group: p.home, keys: []string{p.marker, p.journal}, args: append(p.args(journalField, b.Number, 2), encoded, facts)}
	answers, err := p.store.run(ctx, beginScript, []call{run})
	if err != nil {
		return pipeline.Journal{}, fmt.Errorf("begin batch %d of %s: %w", b.Number, p.partition, err)
	}
	if text(answers[0], 0) == "STANDS" {
		return p.read(answers[0], 1)
	}
	return pipeline.Journal{Exists: true, Bounds: b, Facts: facts}, nil
}

// Fill implements pipeline.Memory. Deletes are carried out first, then what is
// set, then what is appended, then who leaves queues, then who joins them. A begin
// record that stands must have the same bounds, or else the error is
// pipeline.ErrFenced; its facts stay.
func (p *Partition) Fill(ctx context.Context, b pipeline.Bounds, facts, record []byte, writes pipeline.Writes) (pipeline.Journal, error) {
	encoded, err := encodeBounds(b)
	if err != nil {
		return pipeline.Journal{}, err
	}
	if err := checkRanks(writes.Enqueue); err != nil {
		return pipeline.Journal{}, fmt.Errorf("journal batch %d of %s: %w", b.Number, p.partition, err)
	}
	run := p.fill(b.Number, encoded, facts, record, writes)
	answers, err := p.store.run(ctx, fillScript, []call{run})
	if err != nil {
		return pipeline.Journal{}, fmt.Errorf("journal batch %d of %s: %w", b.Number, p.partition, err)
	}
	if text(answers[0], 0) == "STANDS" {
		return p.read(answers[0], 1)
	}
	return pipeline.Journal{Exists: true, Filled: true, Bounds: b, Facts: facts, Record: record, Encoder: p.store.options.Encoder}, nil
}

// fill is the call of fill.lua.
func (p *Partition) fill(number uint64, encoded, facts, record []byte, writes pipeline.Writes) call {
	leaves, joins := byQueue(writes.Dequeue), byQueue(writes.Enqueue)
	values := len(writes.Set) + len(writes.Append)
	keys := make([]string, 0, 2+len(writes.Delete)+values+len(leaves)+len(joins))
	keys = append(keys, p.marker, p.journal)
	keys = p.keys(keys, writes.Delete)
	args := append(p.args(journalField, number, 8+values+len(leaves)+len(writes.Dequeue)+len(joins)+2*len(writes.Enqueue)),
		encoded, facts, record, p.store.options.Encoder, len(writes.Delete), len(writes.Set), len(writes.Append), len(leaves))
	for _, list := range [][]pipeline.KeyValue{writes.Set, writes.Append} {
		for _, w := range list {
			keys = append(keys, p.prefix+w.Key)
			args = append(args, w.Value)
		}
	}
	for _, members := range leaves {
		keys = append(keys, p.prefix+members[0].Key)
		args = append(args, len(members))
		for _, m := range members {
			args = append(args, m.Member)
		}
	}
	for _, members := range joins {
		keys = append(keys, p.prefix+members[0].Key)
		args = append(args, 2*len(members))
		for _, m := range members {
			args = append(args, m.Rank, m.Member)
		}
	}
	return call{group: p.home, keys: keys, args: args}
}
