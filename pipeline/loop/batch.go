package loop

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync/atomic"
	"time"

	"github.com/grapevinehq/grapevine/pipeline"
	"github.com/grapevinehq/grapevine/pipeline/changelog"
)

// run is one partition under one takeover.
type run struct {
	*Loop
	source pipeline.Source
	log    *slog.Logger
	memory *recorder
	worker pipeline.Worker

	committed int64         // the offset of the last acknowledgement or bound
	bound     bool          // what stands in the commit is the bound of a batch that is done by now
	done      atomic.Uint64 // the number of the last batch that is done: the reader looks at it
	last      struct {
		number uint64
		end    int64
		time   int64
	}
}

// rewindCheck is how often an idle worker looks whether its commit still
// stands: a request that arrives late can rewind it within one generation.
const rewindCheck = 2 * time.Second

// workAll processes batch after batch, and acknowledges when none is waiting.
func (r *run) workAll(ctx context.Context, batches <-chan batch, failed <-chan error) error {
	ticker := time.NewTicker(rewindCheck)
	defer ticker.Stop()
	for {
		select {
		case <-r.source.Ending():
			return r.acknowledge(ctx)
		default:
		}
		select {
		case b := <-batches:
			if err := r.step(ctx, b); err != nil {
				return err
			}
			continue
		default: // idle: the next bound will not acknowledge soon
		}
		if err := r.acknowledge(ctx); err != nil {
			return err
		}
		select {
		case b := <-batches:
			if err := r.step(ctx, b); err != nil {
				return err
			}
		case err := <-failed:
			return err
		case <-ticker.C:
			if err := r.checkRewind(ctx); err != nil {
				return err
			}
		case <-r.source.Ending():
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// step works one batch, or moves over offsets without records.
func (r *run) step(ctx context.Context, b batch) error {
	defer b.release()
	r.rest.works(r.source.Partition().ID)
	if b.work == nil {
		r.last.end = b.bounds.End
		return nil
	}
	return r.process(ctx, b, pipeline.Journal{})
}

// process is the life of a batch. Each step is durable before the next begins.
// j is what a predecessor journalled of this very batch, if anything.
func (r *run) process(ctx context.Context, b batch, j pipeline.Journal) error {
	began := r.Now()
	clock := r.Metrics.clock(r.Stage.Topic(), r.Now)

	// Bound: a replay will work the same offsets. A worker that lost the
	// partition is refused here, before any effect.
	if err := r.source.Commit(ctx, b.bounds.First, boundMetadata(b.bounds)); err != nil {
		return fmt.Errorf("bound batch %d at offset %d: %w", b.bounds.Number, b.bounds.First, err)
	}
	clock.lap("bound")

	// Look up, claim, decide, journal. From the journal on nothing is decided
	// again.
	outcome, err := r.decide(ctx, b, j, clock)
	if err != nil {
		return fmt.Errorf("batch %d [%d, %d): %w", b.bounds.Number, b.bounds.First, b.bounds.End, err)
	}
	letters, offsets := r.deadLetters(b, outcome.DeadLetters), offsetsOf(b.records)
	b.work, b.records = nil, nil // what is written holds what it needs of them
	if r.Stage.Shared() {
		if err := r.memory.ApplyShared(ctx, b.bounds, outcome.Shared); err != nil {
			return fmt.Errorf("apply batch %d: %w", b.bounds.Number, err)
		}
		clock.lap("apply")
	}

	// Write the books: one block a table, under a lease. The changelog goes first, for
	// what it does not hold has no other trace; last comes what became of every record.
	if err := r.Books.Write(ctx, b.bounds, r.source.Lease, outcome.changelog); err != nil {
		return fmt.Errorf("write the changelog of batch %d: %w", b.bounds.Number, err)
	}
	outcome.changelog = nil
	clock.lap("changelog")
	blocks := append(outcome.Blocks, letters.blocks...)
	blocks = append(blocks, account(b.bounds, offsets, outcome.Counts, blocks))
	outcome.Blocks, letters.blocks = nil, nil
	if err := r.Books.Write(ctx, b.bounds, r.source.Lease, blocks); err != nil {
		return fmt.Errorf("write batch %d: %w", b.bounds.Number, err)
	}
	clock.lap("write")

	// Publish, while the lease holds: what a stale worker still sends is equal,
	// byte for byte, to what its successor sends.
	if messages := append(outcome.Messages, letters.messages...); len(messages) > 0 {
		if !r.source.Lease().After(r.Now()) {
			return fmt.Errorf("publish batch %d: the lease has ended: %w", b.bounds.Number, pipeline.ErrFenced)
		}
		if err := r.Publisher.Publish(ctx, messages); err != nil {
			return fmt.Errorf("publish %d messages of batch %d: %w", len(messages), b.bounds.Number, err)
		}
		clock.lap("publish")
	}

	// Give budgets back what the batch frees, now that whoever may take the room can
	// know where it comes from.
	if len(outcome.Gives) > 0 {
		if err := r.memory.Give(ctx, b.bounds, outcome.Gives); err != nil {
			return fmt.Errorf("give back to %d budgets after batch %d: %w", len(outcome.Gives), b.bounds.Number, err)
		}
		clock.lap("give")
	}

	// Acknowledge: the next bound does it, or workAll when idle.
	r.last.number, r.last.end, r.last.time = b.bounds.Number, b.bounds.End, b.bounds.Time
	r.committed, r.bound = b.bounds.First, true
	r.done.Store(b.bounds.Number)
	r.Metrics.batch(r.Stage.Topic(), len(offsets), outcome.Counts, r.Now().Sub(began))
	return nil
}

// decide takes a batch through look-up, claims and decision to its journal, or
// takes what the journal holds.
func (r *run) decide(ctx context.Context, b batch, j pipeline.Journal, clock *clock) (carried, error) {
	r.memory.claimed = nil
	var facts []byte
	switch {
	case j.Filled:
		return r.resume(ctx, b, j)
	case j.Exists: // begun: its facts stand
		facts = j.Facts
	default:
		if err := r.lookUp(ctx, b, clock); err != nil {
			return carried{}, err
		}
		var err error
		if facts, err = b.work.Facts(); err != nil {
			return carried{}, fmt.Errorf("encode facts: %w", err)
		}
		if facts != nil {
			if j, err = r.memory.Begin(ctx, b.bounds, facts); err != nil {
				return carried{}, fmt.Errorf("begin: %w", err)
			}
			if err = standsFor(b, j); err != nil {
				return carried{}, err
			}
			if j.Filled {
				return r.resume(ctx, b, j)
			}
			facts = j.Facts
			clock.lap("begin")
		}
	}
	if facts != nil {
		if err := b.work.TakeFacts(facts); err != nil {
			return carried{}, fmt.Errorf("take the facts of the begin record: %w", err)
		}
		if err := b.work.Claim(ctx); err != nil {
			return carried{}, fmt.Errorf("claim: %w", err)
		}
		clock.lap("claim")
	}
	if err := b.work.Decide(); err != nil {
		return carried{}, fmt.Errorf("decide: %w", err)
	}
	clock.lap("decide")
	return r.journal(ctx, b, facts, clock)
}

// lookUp waits for what must be known first, and reads what is remembered.
func (r *run) lookUp(ctx context.Context, b batch, clock *clock) error {
	var progress pipeline.Progress
	if topics := r.Stage.WaitsFor(); len(topics) > 0 {
		var err error
		if progress, err = r.wait(ctx, topics); err != nil {
			return fmt.Errorf("wait for %v: %w", topics, err)
		}
		clock.lap("barrier")
	}
	if err := b.work.LookUp(ctx, progress); err != nil {
		return fmt.Errorf("look up: %w", err)
	}
	clock.lap("look_up")
	return nil
}

// linger is how long a batch waits on at the barrier when no further batch shall be
// begun: what it waits for may be in flight, and is finished.
const linger = time.Second

// wait waits for topics that go before, but not long beyond the end of the work here:
// those it waits for may be partitions of this worker, which it works no more. Nothing
// but the bound exists of the batch, and a successor works what is bound.
func (r *run) wait(ctx context.Context, topics []string) (pipeline.Progress, error) {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	go func() {
		select {
		case <-r.source.Ending():
		case <-ctx.Done():
			return
		}
		if sleep(ctx, nil, linger) {
			cancel(errLeft)
		}
	}()
	progress, err := r.Barrier.Wait(ctx, topics)
	if err != nil && errors.Is(context.Cause(ctx), errLeft) {
		return progress, errLeft
	}
	return progress, err
}

// errLeft ends the work on a partition whose batch was bound and not begun.
var errLeft = errors.New("the work here ends, and the batch is left to the next")

// journal records what was decided, together with the partition's own memory.
// When a record stands already, that one counts.
func (r *run) journal(ctx context.Context, b batch, facts []byte, clock *clock) (carried, error) {
	record, err := b.work.Record()
	if err != nil {
		return carried{}, fmt.Errorf("encode the record: %w", err)
	}
	outcome, err := r.replay(ctx, b, record)
	if err != nil {
		return carried{}, err
	}
	r.memory.begin(&outcome.Writes, b.bounds.Number)
	rows := r.changed(&outcome, b.bounds.Number)
	sealed, err := changelog.Seal(record, rows)
	if err != nil {
		return carried{}, err
	}
	stands, err := r.memory.Fill(ctx, b.bounds, facts, sealed, outcome.Writes)
	if err != nil {
		return carried{}, fmt.Errorf("journal: %w", err)
	}
	r.memory.began = true
	clock.lap("journal")
	if err := standsFor(b, stands); err != nil {
		return carried{}, err
	}
	if string(stands.Record) != string(sealed) {
		return r.resume(ctx, b, stands)
	}
	return r.carry(b, outcome, facts, record, rows)
}

// standsFor makes sure that what stands in the journal is about the records at
// hand. If it is not, the work begins anew with a takeover, which reads those
// that the journal names.
func standsFor(b batch, j pipeline.Journal) error {
	if j.Bounds != b.bounds {
		return fmt.Errorf("the journal holds batch %d with the bounds [%d, %d) of revision %s, not those of revision %s", j.Bounds.Number, j.Bounds.First, j.Bounds.End, j.Bounds.Revision, b.bounds.Revision)
	}
	return nil
}

// resume carries out what a journal holds.
func (r *run) resume(ctx context.Context, b batch, j pipeline.Journal) (carried, error) {
	record, rows, told, err := changelog.Open(j.Record)
	if err != nil {
		return carried{}, err
	}
	outcome, err := r.replay(ctx, b, record)
	if err != nil {
		return carried{}, err
	}
	if told {
		return carried{Outcome: outcome}, nil
	}
	return r.carry(b, outcome, j.Facts, record, rows)
}

// replay carries out a record.
func (r *run) replay(ctx context.Context, b batch, record []byte) (pipeline.Outcome, error) {
	if err := b.work.TakeRecord(record); err != nil {
		return pipeline.Outcome{}, fmt.Errorf("take the journalled record: %w", err)
	}
	outcome, err := b.work.Outcome(ctx)
	if err != nil {
		return pipeline.Outcome{}, fmt.Errorf("carry out the record: %w", err)
	}
	return outcome, nil
}

// acknowledge commits the end of the last batch, unless that stands already.
func (r *run) acknowledge(ctx context.Context) error {
	if r.committed >= r.last.end && !r.bound {
		return nil
	}
	if err := r.source.Commit(ctx, r.last.end, acknowledged(r.last.number, r.last.end, r.last.time)); err != nil {
		return fmt.Errorf("acknowledge batch %d at offset %d: %w", r.last.number, r.last.end, err)
	}
	r.committed, r.bound = r.last.end, false
	return nil
}

// checkRewind repeats the acknowledgement when a late commit rewound it: to an
// older offset, or at the same one to an older batch.
func (r *run) checkRewind(ctx context.Context) error {
	offset, text, err := r.source.Committed(ctx)
	if err != nil {
		r.log.Warn("cannot tell whether the commit still stands; it is looked at again", "error", err)
		return ctx.Err()
	}
	m, _ := ParseMetadata(text)
	if offset < r.committed || m.Completed() < r.last.number {
		r.log.Warn("the commit was rewound by a late request; it is repeated", "committed", offset, "offset", r.committed, "batch", m.Completed())
		r.committed, r.bound = offset, true
	}
	return nil
}
