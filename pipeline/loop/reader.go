package loop

import (
	"context"
	"fmt"
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
}

// place is where the next batch begins.
type place struct {
	offset int64
	number uint64 // of the next batch
	time   int64  // ms, of the batch before: time never falls within a partition
}

const fetchBytes = 4 << 20

// fetchWait is how long a fetch waits for a first record.
const fetchWait = 500 * time.Millisecond

// readAhead fetches and decodes the next batch while the last one is written.
func (r *run) readAhead(ctx context.Context, at place, out chan<- batch) error {
	var rest tail
	for {
		records, end, err := r.collect(ctx, at.offset, &rest)
		if err != nil {
			return err
		}
		b := batch{records: records}
		b.bounds = pipeline.Bounds{Partition: r.source.Partition(), First: at.offset, End: end}
		if len(records) > 0 {
			b.bounds.Number = at.number
			b.bounds.Time = r.batchTime(at.time, records)
			b.bounds.Revision = r.Revision()
			if b.work, err = r.worker.Decode(b.bounds, records); err != nil {
				return fmt.Errorf("decode [%d, %d): %w", at.offset, end, err)
			}
			at.number++
			at.time = b.bounds.Time
		}
		at.offset = end
		select {
		case out <- b:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// batchTime places a batch in time: by its newest Kafka timestamp, but never
// ahead of the clock and never before the batch before it. What is remembered
// for a while is remembered by this time, so an outage forgets nothing.
func (r *run) batchTime(before int64, records []event.Record) int64 {
	newest := before
	for i := range records {
		newest = max(newest, records[i].Time)
	}
	return max(before, min(newest, r.Now().UnixMilli()))
}

// tail is what was fetched and not yet handed over.
type tail struct {
	records []event.Record
	readAt  time.Time
	next    int64 // the offset after all of it, gaps included
}

// collect gathers the next batch: it waits for a first record that is ripe,
// then takes what comes within the limits. The records are nil when only gaps
// were passed.
func (r *run) collect(ctx context.Context, from int64, rest *tail) (records []event.Record, end int64, err error) {
	end = from
	bytes := 0
	var deadline time.Time
	for {
		if err := ctx.Err(); err != nil {
			return nil, 0, err
		}
		if len(rest.records) == 0 {
			if rest.next > end {
				end = rest.next
			}
			wait := fetchWait
			if len(records) > 0 {
				wait = deadline.Sub(r.Now())
				if wait <= 0 {
					return records, end, nil
				}
			} else if end > from {
				return nil, end, nil
			}
			if err := r.fetch(ctx, end, wait, rest); err != nil {
				return nil, 0, err
			}
			continue
		}
		n, size, full := r.take(rest, len(records), bytes)
		if n == 0 && !full { // not ripe yet
			if len(records) > 0 {
				return records, end, nil
			}
			if err := r.ripen(ctx, rest); err != nil {
				return nil, 0, err
			}
			continue
		}
		if len(records) == 0 {
			deadline = r.Now().Add(r.Limits.MaxWait)
			records = rest.records[:n:n]
		} else {
			records = append(records, rest.records[:n]...)
		}
		bytes += size
		rest.records = rest.records[n:]
		if n > 0 {
			end = records[len(records)-1].Offset + 1
		}
		if full {
			return records, end, nil
		}
	}
}

// fetch reads on; a fetch that brings nothing leaves the tail empty.
func (r *run) fetch(ctx context.Context, from int64, wait time.Duration, rest *tail) error {
	chunk, err := r.source.Fetch(ctx, from, fetchBytes, wait)
	if err != nil {
		return fmt.Errorf("fetch from offset %d: %w", from, err)
	}
	rest.records, rest.next, rest.readAt = chunk.Records, chunk.Next, chunk.ReadAt
	r.Metrics.lag(r.source.Partition(), chunk.Stable-from)
	return nil
}

// take counts how many records of the tail fit into the batch; full when a
// limit ends it.
func (r *run) take(rest *tail, have, bytes int) (n, size int, full bool) {
	now, grace := r.Now(), r.Grace()
	for i := range rest.records {
		rec := &rest.records[i]
		grown := size + len(rec.Key) + len(rec.Value)
		if have+i >= r.Limits.MaxEvents || (have+i > 0 && bytes+grown > r.Limits.MaxBytes) {
			return i, size, true
		}
		if ripeAt(rec, rest.readAt, grace).After(now) {
			return i, size, false
		}
		size = grown
	}
	return len(rest.records), size, false
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
	timer := time.NewTimer(ripeAt(&rest.records[0], rest.readAt, r.Grace()).Sub(r.Now()) + time.Millisecond)
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
