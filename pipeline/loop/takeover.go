package loop

import (
	"context"
	"fmt"

	"github.com/grapevinehq/grapevine/pipeline"
	"github.com/grapevinehq/grapevine/pipeline/changelog"
)

// takeOver raises the fence, finds out where the partition's work stands, and
// finishes what a predecessor left. It returns where to go on.
//
// Two witnesses are asked: the journal in Redis and the commit in Kafka. The
// journal can be ahead (a commit request that arrives late can rewind the
// commit), and the commit can be ahead by exactly one batch that was bound and
// not begun. Anything else means that one of the two lost data.
func (r *run) takeOver(ctx context.Context) (place, error) {
	p := r.source.Partition()
	offset, text, err := r.source.Committed(ctx)
	if err != nil {
		return place{}, fmt.Errorf("read the commit: %w", err)
	}
	confirm := func(ctx context.Context) error { return r.source.Commit(ctx, offset, text) }
	if offset < 0 {
		confirm = func(context.Context) error { return nil } // nothing was ever committed: no generation has a claim
	}
	memory, journal, err := r.State.TakeOver(ctx, p, r.source.Generation(), confirm)
	if err != nil {
		return place{}, err
	}
	if r.memory, err = record(ctx, memory); err != nil {
		return place{}, err
	}
	session := &pipeline.Session{Partition: p, Generation: r.source.Generation(), Memory: r.memory, Log: r.log}
	if r.worker, err = r.Stage.TakeOver(ctx, session); err != nil {
		return place{}, err
	}
	// The commit is read again behind the fence: what is committed later than
	// this was committed by nobody who could still journal.
	if offset, text, err = r.source.Committed(ctx); err != nil {
		return place{}, fmt.Errorf("read the commit: %w", err)
	}
	if journal.Exists && (r.Stage.Shared() || r.Stage.Claims() && len(journal.Facts) > 0) {
		if err := r.State.CheckShared(ctx, p, journal.Bounds.Number); err != nil {
			return place{}, err
		}
	}
	r.committed = offset
	next, err := r.reconcile(ctx, offset, text, journal)
	if err != nil {
		return place{}, err
	}
	// Acknowledge where work goes on, also where nothing was done yet: those who
	// wait for this partition then see that nothing is outstanding.
	r.last.number, r.last.end, r.last.time = next.number-1, next.offset, next.time
	r.done.Store(r.last.number)
	return next, nil
}

// reconcile decides between the two witnesses.
func (r *run) reconcile(ctx context.Context, offset int64, text string, j pipeline.Journal) (place, error) {
	m, known := ParseMetadata(text)
	if offset >= 0 && !known {
		if j.Exists {
			return place{}, r.accuse(ctx, offset, text, fmt.Errorf("the group's commit at offset %d was made by another program, while batch %d of this partition is journalled: give Grapevine a group of its own (kafka.group): %w", offset, j.Bounds.Number, pipeline.ErrOffsetsLost))
		}
		return place{offset: offset, number: 1}, nil
	}
	switch {
	case offset < 0 && !j.Exists:
		return r.fresh(ctx)
	case !j.Exists && m.Number == 0: // nothing but gaps so far
		return place{offset: offset, number: 1, time: m.Time}, nil
	case offset < 0 || j.Exists && j.Bounds.Number > m.Number:
		return r.finish(ctx, j) // the commit expired, or was rewound
	case j.Exists && j.Bounds.Number == m.Number:
		if m.Bound {
			return r.finish(ctx, j)
		}
		if err := agree(offset, m, j); err != nil {
			return place{}, r.accuse(ctx, offset, text, err)
		}
		return place{offset: offset, number: m.Number + 1, time: j.Bounds.Time}, nil
	case m.Bound && r.isBefore(m, j):
		b := m.bounds(r.source.Partition(), offset)
		written, err := r.written(ctx, b, j)
		if err != nil {
			return place{}, err
		}
		if written {
			return place{}, r.accuse(ctx, offset, text, fmt.Errorf("the books hold rows of batch %d [%d, %d), which the journal does not know: run `grapevine rebuild`: %w", b.Number, b.First, b.End, pipeline.ErrStateLost))
		}
		return r.finish(ctx, pipeline.Journal{Bounds: b})
	}
	return place{}, r.accuse(ctx, offset, text, fmt.Errorf("the group has worked %d batches of this partition, but the journal knows of %d: run `grapevine rebuild`: %w", m.Completed(), j.Bounds.Number, pipeline.ErrStateLost))
}

// accuse returns an error that says that a witness lost data, if this worker is one
// to say so. One that slept since it read the journal finds a commit, and rows, of
// those who took the partition over meanwhile, and nothing is lost. Kafka tells: it
// takes a commit, here the one that stands, from the partition's owner alone.
func (r *run) accuse(ctx context.Context, offset int64, text string, lost error) error {
	if err := r.source.Commit(ctx, offset, text); err != nil {
		return fmt.Errorf("make sure that the partition is still ours: %w", err)
	}
	return lost
}

// isBefore tells whether the journal ends with the batch before a bound one.
func (r *run) isBefore(m Metadata, j pipeline.Journal) bool {
	if !j.Exists {
		return m.Number == 1
	}
	return j.Filled && j.Bounds.Number == m.Number-1
}

// fresh begins a partition that nobody has worked.
func (r *run) fresh(ctx context.Context) (place, error) {
	start, err := r.source.Start(ctx)
	if err != nil {
		return place{}, fmt.Errorf("find the first offset: %w", err)
	}
	return place{offset: start, number: 1}, nil
}

// agree tells whether journal and acknowledgement of one batch fit together.
func agree(offset int64, m Metadata, j pipeline.Journal) error {
	if !j.Filled {
		return fmt.Errorf("batch %d was acknowledged, but its journal is not filled: run `grapevine rebuild`: %w", m.Number, pipeline.ErrStateLost)
	}
	if offset < j.Bounds.End {
		return fmt.Errorf("batch %d ended at offset %d, but the group's commit stands at %d: somebody moved it back, and what lies between would be worked twice; commit %d for this partition, or use a group and a Redis of your own for a second reading: %w", m.Number, j.Bounds.End, offset, j.Bounds.End, pipeline.ErrOffsetsLost)
	}
	return nil
}

// written tells whether the books hold rows of a batch that was bound and not begun,
// as the journal has it: then that was lost. What the batch before did by the clock
// lies at the offset where this one begins, so that offset tells nothing then.
func (r *run) written(ctx context.Context, b pipeline.Bounds, before pipeline.Journal) (bool, error) {
	if before.Exists && before.Bounds.First == before.Bounds.End && before.Bounds.End == b.First && b.First < b.End {
		b.First++
	}
	written, err := r.Books.Has(ctx, b, append(r.Stage.Tables(), lettersTable, batchesTable, changelog.Table))
	if err != nil {
		return false, fmt.Errorf("ask the books for [%d, %d): %w", b.First, b.End, err)
	}
	return written, nil
}

// finish carries out a batch that a predecessor, or this worker, left behind.
func (r *run) finish(ctx context.Context, j pipeline.Journal) (place, error) {
	b := j.Bounds
	b.Partition = r.source.Partition()
	j.Bounds = b
	r.log.Info("finishing a batch", "number", b.Number, "first", b.First, "end", b.End, "journalled", j.Filled)
	leave, err := r.enter(ctx)
	if err != nil {
		return place{}, err
	}
	defer leave()
	records, err := r.reread(ctx, b)
	if err != nil {
		return place{}, err
	}
	work, err := r.worker.Decode(b, records)
	if err != nil {
		return place{}, fmt.Errorf("decode [%d, %d): %w", b.First, b.End, err)
	}
	if err := r.process(ctx, batch{bounds: b, records: records, work: work}, j); err != nil {
		return place{}, err
	}
	return place{offset: b.End, number: b.Number + 1, time: b.Time}, nil
}
