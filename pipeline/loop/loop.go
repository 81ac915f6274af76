package loop

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/cenkalti/backoff/v5"

	"github.com/grapevinehq/grapevine/pipeline"
)

// State opens a partition's memory (package state).
type State interface {
	// TakeOver raises the fence to a generation and returns the journal, in one
	// step. confirm asks Kafka whether the generation is the group's present one.
	TakeOver(ctx context.Context, p pipeline.Partition, generation int32, confirm func(context.Context) error) (pipeline.Memory, pipeline.Journal, error)
	// CheckShared makes sure that every slot group knows the partition's batch.
	CheckShared(ctx context.Context, p pipeline.Partition, number uint64) error
}

// Limits of a batch.
type Limits struct {
	MaxEvents int
	MaxBytes  int
	MaxWait   time.Duration // from the first record until the batch is closed
}

// Loop holds what all partitions of one stage share.
type Loop struct {
	Stage     pipeline.Stage
	State     State
	Barrier   pipeline.Barrier
	Books     pipeline.Books
	Publisher pipeline.Publisher
	Metrics   *Metrics
	Log       *slog.Logger
	Limits    Limits
	// Revision names the configuration that new batches are decided by.
	Revision func() string
	// Grace is how long a record is held back after its Kafka timestamp, at most
	// that long after it was read (contract §4, attribution_grace).
	Grace func() time.Duration
	// Now is the clock.
	Now func() time.Time
	// InFlight bounds the batches that are decoded and not yet done, over all
	// partitions of the stage: its capacity is their number.
	InFlight chan struct{}
	rest     rest
}

// Resting counts the partitions at work that were looked at since a time and had
// nothing to do, neither by offset nor by the clock.
func (l *Loop) Resting(since time.Time) int { return l.rest.after(since) }

// Run works a partition until ctx ends, no further batch shall be begun, the partition
// moves to another worker, or something is wrong that a person must mend
// (pipeline.ErrStateLost, pipeline.ErrOffsetsLost). Anything else is tried
// again, from a fresh takeover.
func (l *Loop) Run(ctx context.Context, source pipeline.Source) error {
	log := l.Log.With("topic", source.Partition().Topic, "partition", source.Partition().ID, "generation", source.Generation())
	defer l.Metrics.works(source.Partition())()
	wait := backoff.NewExponentialBackOff()
	wait.MaxInterval = 5 * time.Second
	defer l.rest.leaves(source.Partition().ID)
	for {
		l.rest.works(source.Partition().ID)
		began := l.Now()
		err := l.runOnce(ctx, source, log)
		switch {
		case err == nil || ctx.Err() != nil || errors.Is(err, errLeft):
			return nil
		case errors.Is(err, pipeline.ErrFenced):
			l.Metrics.Fenced.Inc()
			log.Info("the partition belongs to another worker now", "reason", err)
			return err
		case errors.Is(err, pipeline.ErrStateLost), errors.Is(err, pipeline.ErrOffsetsLost):
			return fmt.Errorf("%s: %w", source.Partition(), err)
		}
		if l.Now().Sub(began) > time.Minute {
			wait.Reset()
		}
		l.Metrics.Failed.WithLabelValues(l.Stage.Topic()).Inc()
		delay := wait.NextBackOff()
		log.Error("batch failed; it is taken over again and repeated", "error", err, "in", delay)
		if !sleep(ctx, source.Ending(), delay) {
			return nil
		}
	}
}

// runOnce is one takeover and the batches after it.
func (l *Loop) runOnce(ctx context.Context, source pipeline.Source, log *slog.Logger) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	r := &run{Loop: l, source: source, log: log}
	next, err := r.takeOver(ctx)
	if err != nil {
		return fmt.Errorf("take over: %w", err)
	}
	batches := make(chan batch)
	failed := make(chan error, 1)
	done := make(chan struct{})
	go func() {
		defer close(done)
		failed <- r.readAhead(ctx, next, batches)
	}()
	err = r.workAll(ctx, batches, failed)
	cancel()
	<-done
	return err
}

// sleep waits; false when ctx or the work ended first.
func sleep(ctx context.Context, ending <-chan struct{}, d time.Duration) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-ctx.Done():
		return false
	case <-ending:
		return false
	}
}
