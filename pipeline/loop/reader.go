package loop

import (
	"context"
	"fmt"
	"sync"
	"time"

	"github.com/grapevinehq/grapevine/pipeline"
	"github.com/grapevinehq/grapevine/pipeline/event"
)

// batch is what the reader hands over: decoded, not yet bound. A batch without
// work only moves the position over offsets that hold no record.
type batch struct {
	bounds  pipeline.Bounds
	records []event.Record
	work    pipeline.Work
	release func() // gives the place among the batches in flight back
}

// place is where the next batch begins.
type place struct {
	offset int64
	number uint64 // of the next batch
	time   int64  // ms, of the batch before: time never falls within a partition
}

const fetchBytes = 1 << 20

// fetchWait is how long a fetch waits for a first record.
const fetchWait = 500 * time.Millisecond

// readAhead fetches and decodes the next batch while the last one is written.
func (r *run) readAhead(ctx context.Context, at place, out chan<- batch) error {
	var rest tail
	for {
		b, err := r.next(ctx, at, &rest)
		if err != nil {
			return err
		}
		if b.work != nil {
			at.number++
			at.time = b.bounds.Time
		}
		at.offset = b.bounds.End
		select {
		case out <- b:
		case <-ctx.Done():
			b.release()
			return ctx.Err()
		}
	}
}

// next makes the batch at a place, one without records of what is due by the
// clock, or one without work that passes a gap.
func (r *run) next(ctx context.Context, at place, rest *tail) (batch, error) {
	b := batch{bounds: pipeline.Bounds{Partition: r.source.Partition(), First: at.offset, End: at.offset}, release: func() {}}
	end, err := r.await(ctx, at, rest)
	if err != nil {
		return b, err
	}
	if len(rest.records) == 0 && end > at.offset {
		b.bounds.End = end
		return b, nil
	}
	if b.release, err = r.enter(ctx); err != nil {
		return b, err
	}
	b.bounds.Number = at.number
	if len(rest.records) > 0 {
		if b.records, b.bounds.End, err = r.collect(ctx, rest); err != nil {
			b.release()
			return b, err
		}
	}
	b.bounds.Time = r.batchTime(at.time)
	b.bounds.Revision = r.Revision()
	if b.work, err = r.worker.Decode(b.bounds, b.records); err != nil {
		b.release()
		return b, fmt.Errorf("decode [%d, %d): %w", at.offset, b.bounds.End, err)
	}
	return b, nil
}

// enter takes a place among the batches in flight: they bound the memory.
func (r *run) enter(ctx context.Context) (release func(), err error) {
	select {
	case r.InFlight <- struct{}{}:
		return sync.OnceFunc(func() { <-r.InFlight }), nil
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

// batchTime places a batch in time: by the clock, whatever the timestamps of its
// records, but never before the batch before it.
func (r *run) batchTime(before int64) int64 { return max(before, r.Now().UnixMilli()) }

// tail is what was fetched and not yet handed over.
type tail struct {
	records []event.Record
	readAt  time.Time
	from    int64 // where the fetch began
	next    int64 // the offset after all of it, gaps included
}

// await returns when the first record of the tail is ripe, when offsets without
// records were passed, or, where the partition ends, when something is due by the
// clock; end is where reading goes on.
func (r *run) await(ctx context.Context, at place, rest *tail) (end int64, err error) {
	for len(rest.records) == 0 {
		if rest.next > at.offset {
			return rest.next, nil
		}
		if err := ctx.Err(); err != nil {
			return 0, err
		}
		if err := r.fetch(ctx, at.offset, fetchWait, rest); err != nil {
			return 0, err
		}
		if len(rest.records) > 0 || rest.next > at.offset {
			continue
		}
		if due, err := r.due(ctx, at); due || err != nil {
			return at.offset, err
		}
	}
	return at.offset, r.ripen(ctx, rest)
}

// due tells whether the clock makes work for a partition that is consumed to its
// end. It is asked only when every batch is done: one that is under way may be
// doing it.
func (r *run) due(ctx context.Context, at place) (bool, error) {
	if r.done.Load() != at.number-1 {
		return false, nil
	}
	began := r.Now()
	if keeper, ok := r.worker.(pipeline.Timekeeper); ok {
		due, err := keeper.Due(ctx, max(at.time, began.UnixMilli()))
		if err != nil {
			return false, fmt.Errorf("ask what is due: %w", err)
		}
		if due {
			r.rest.works(r.source.Partition().ID)
			return true, nil
		}
	}
	r.rest.found(r.source.Partition().ID, began)
	return false, nil
}

// collect gathers a batch: what is in the tail, and what comes within the limits.
func (r *run) collect(ctx context.Context, rest *tail) (records []event.Record, end int64, err error) {
	deadline := r.Now().Add(r.Limits.MaxWait)
	bytes := 0
	for {
		n, size, more := r.take(rest, len(records), bytes)
		if records == nil {
			records = rest.records[:n:n]
		} else {
			records = append(records, rest.records[:n]...)
		}
		bytes += size
		if rest.records = rest.records[n:]; len(rest.records) > 0 || !more {
			return records, records[len(records)-1].Offset + 1, nil
		}
		wait := deadline.Sub(r.Now())
		if wait <= 0 {
			return records, rest.next, nil
		}
		if err := r.fetch(ctx, rest.next, wait, rest); err != nil {
			return nil, 0, err
		}
		if len(rest.records) == 0 && rest.next == rest.from {
			return records, rest.next, nil
		}
	}
}

// fetch reads on; a fetch that brings nothing leaves the tail empty.
func (r *run) fetch(ctx context.Context, from int64, wait time.Duration, rest *tail) error {
	chunk, err := r.source.Fetch(ctx, from, fetchBytes, wait)
	if err != nil {
		return fmt.Errorf("fetch from offset %d: %w", from, err)
	}
	rest.records, rest.from, rest.next, rest.readAt = chunk.Records, from, chunk.Next, chunk.ReadAt
	return nil
}

// take counts how many records of the tail go into the batch; more tells
// whether the batch would take another.
func (r *run) take(rest *tail, have, bytes int) (n, size int, more bool) {
	now, grace := r.Now(), r.Grace()
	for i := range rest.records {
		rec := &rest.records[i]
		grown := size + weight(rec)
		if have+i > 0 && (have+i >= r.Limits.MaxEvents || bytes+grown > r.Limits.MaxBytes || ripeAt(rec, rest.readAt, grace).After(now)) {
			return i, size, false
		}
		size = grown
	}
	return len(rest.records), size, true
}

// weight is what a record takes of a batch's bytes.
func weight(rec *event.Record) int {
	n := len(rec.Key) + len(rec.Value)
	for i := range rec.Headers {
		n += len(rec.Headers[i].Key) + len(rec.Headers[i].Value)
	}
	return n
}

// ripeAt is when a record may be decided: a grace after its Kafka timestamp,
// and at most that long after it was read.
func ripeAt(rec *event.Record, readAt time.Time, grace time.Duration) time.Time {
	if grace == 0 {
		return time.Time{}
	}
	ripe := time.UnixMilli(rec.Time).Add(grace)
	if latest := readAt.Add(grace); ripe.After(latest) {
		return latest
	}
	return ripe
}

// ripen waits for the first record of the tail.
func (r *run) ripen(ctx context.Context, rest *tail) error {
	wait := ripeAt(&rest.records[0], rest.readAt, r.Grace()).Sub(r.Now())
	if wait <= 0 {
		return nil
	}
	timer := time.NewTimer(wait)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// emptyFetches is how often a bounded batch may be missing before its offsets
// count as lost: a new leader learns of the last stable offset a moment late.
const emptyFetches = 6

// reread fetches exactly the records of a bounded batch.
func (r *run) reread(ctx context.Context, b pipeline.Bounds) ([]event.Record, error) {
	var records []event.Record
	empty := 0
	for at := b.First; at < b.End; {
		chunk, err := r.source.Fetch(ctx, at, fetchBytes, fetchWait)
		if err != nil {
			return nil, fmt.Errorf("read batch %d [%d, %d) again: %w", b.Number, b.First, b.End, err)
		}
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		if empty++; chunk.Next > at {
			empty = 0
		}
		if empty >= emptyFetches && chunk.Stable <= at {
			return nil, fmt.Errorf("batch %d is bound to [%d, %d), but the partition ends at %d: its topic was made anew or cut: %w", b.Number, b.First, b.End, chunk.Stable, pipeline.ErrOffsetsLost)
		}
		for i := range chunk.Records {
			if chunk.Records[i].Offset < b.End {
				records = append(records, chunk.Records[i])
			}
		}
		at = chunk.Next
	}
	return records, nil
}
