package rebuild

import (
	"context"
	"fmt"

	"github.com/grapevinehq/grapevine/pipeline"
	"github.com/grapevinehq/grapevine/pipeline/changelog"
	"github.com/grapevinehq/grapevine/pipeline/recall"
	stage "github.com/grapevinehq/grapevine/pipeline/stage/clicks"
)

// clicks are rows of the table.
type clicks = stage.Stored

// How much is sent to Redis at once.
const (
	atOnce      = 1000
	bytesAtOnce = 4 << 20
)

// writer gathers what is written of a partition.
type writer struct {
	memory    Memory
	partition pipeline.Partition

	values []pipeline.KeyValue
	queues []pipeline.QueueMember
	shared []pipeline.SharedSet
	claims []pipeline.Owned
	old    []pipeline.ClaimID // released
	bytes  int
}

// value takes a value that is whole, and makes room for the next.
func (w *writer) value(ctx context.Context, v *assembled) error {
	whole := *v
	*v = assembled{}
	if whole.data == nil {
		return nil
	}
	w.values = append(w.values, pipeline.KeyValue{Key: whole.key, Value: whole.data})
	return w.grew(ctx, len(whole.key)+len(whole.data))
}

// row takes what is no value.
func (w *writer) row(ctx context.Context, r *changelog.Row) error {
	switch {
	case r.Kind == changelog.KindClaim:
		return w.claim(ctx, r)
	case r.Gone:
		return nil
	}
	switch r.Kind {
	case changelog.KindQueue:
		w.queues = append(w.queues, pipeline.QueueMember{Key: r.Key, Member: r.Member, Rank: r.Rank})
	case changelog.KindShared:
		w.shared = append(w.shared, pipeline.SharedSet{Key: r.Key, Field: r.Member, Value: r.Value})
	}
	return w.grew(ctx, len(r.Key)+len(r.Member)+len(r.Value))
}

// claim takes an id that the partition owns, or has released.
func (w *writer) claim(ctx context.Context, r *changelog.Row) error {
	var id pipeline.ClaimID
	if n := copy(id[:], r.Key); n < len(id) || len(r.Key) > n {
		return fmt.Errorf("the changelog has a claim of %d bytes, not %d", len(r.Key), len(id))
	}
	if r.Gone {
		w.old = append(w.old, id)
	} else {
		w.claims = append(w.claims, pipeline.Owned{ID: id, Offset: r.Rank})
	}
	return w.grew(ctx, len(r.Key))
}

func (w *writer) grew(ctx context.Context, bytes int) error {
	w.bytes += bytes
	if len(w.values)+len(w.queues)+len(w.shared)+len(w.claims)+len(w.old) < atOnce && w.bytes < bytesAtOnce {
		return nil
	}
	return w.flush(ctx)
}

// flush sends what was gathered.
func (w *writer) flush(ctx context.Context) error {
	if len(w.values) > 0 {
		if err := w.memory.Set(ctx, w.partition, w.values); err != nil {
			return err
		}
	}
	if len(w.queues) > 0 {
		if err := w.memory.Enqueue(ctx, w.partition, w.queues); err != nil {
			return err
		}
	}
	if len(w.shared) > 0 {
		if err := w.memory.Share(ctx, w.shared); err != nil {
			return err
		}
	}
	if len(w.claims) > 0 {
		if err := w.memory.Claim(ctx, w.partition, w.claims); err != nil {
			return err
		}
	}
	if len(w.old) > 0 {
		if err := w.memory.Release(ctx, w.old); err != nil {
			return err
		}
	}
	*w = writer{memory: w.memory, partition: w.partition}
	return nil
}

// clicksAtOnce is how many clicks are packed together, so that a bucket gets several.
const clicksAtOnce = 20_000

// batchOfClicks gathers clicks that were read at one time, or at times that lie
// together: of one segment all the same.
type batchOfClicks struct {
	*run
	partition pipeline.Partition
	retracing *recall.Retracing
	at        int64
	entries   []recall.Entry
}

func (b *batchOfClicks) add(ctx context.Context, at int64, s *clicks) error {
	b.told(1)
	if len(b.entries) > 0 && (len(b.entries) >= clicksAtOnce || !b.retracing.Together(b.at, at)) {
		if err := b.flush(ctx); err != nil {
			return err
		}
	}
	b.at = at
	b.entries = append(b.entries, stage.Remembered(b.Hasher, s))
	return nil
}

func (b *batchOfClicks) flush(ctx context.Context) error {
	if len(b.entries) == 0 {
		return nil
	}
	pieces, err := b.retracing.Append(b.at, b.entries)
	if err != nil {
		return err
	}
	b.entries = b.entries[:0]
	for len(pieces) > 0 {
		n := min(len(pieces), atOnce)
		if err := b.Memory.Append(ctx, b.partition, pieces[:n]); err != nil {
			return err
		}
		pieces = pieces[n:]
	}
	return nil
}
