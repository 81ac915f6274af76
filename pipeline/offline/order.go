package offline

import (
	"context"
	"fmt"
)

// barrier works all that a topic has to wait for.
func (r *Run) barrier(ctx context.Context, topic string) error {
	stage := r.stages[topic]
	if stage == nil {
		return fmt.Errorf("no stage reads the topic %q", topic)
	}
	for _, before := range stage.WaitsFor() {
		if _, err := r.drain(ctx, before); err != nil {
			return err
		}
	}
	return nil
}

// drain works all records of a topic, partition by partition, and tells how many.
func (r *Run) drain(ctx context.Context, topic string) (worked int, err error) {
	for partition := range r.options.Partitions {
		for r.Waiting(topic, partition) > 0 {
			n, err := r.Step(ctx, topic, partition, 0)
			if err != nil {
				return worked, err
			}
			worked += n
		}
	}
	return worked, nil
}

// Drain works all records: topic by topic, those that others wait for first, until
// nothing is left.
func (r *Run) Drain(ctx context.Context) error {
	for {
		var worked int
		for _, topic := range r.topics {
			n, err := r.drain(ctx, topic)
			if err != nil {
				return err
			}
			worked += n
		}
		if worked == 0 {
			return nil
		}
	}
}

// Tick moves the run's time, never back, and does what is due by it, all records
// first: a batch for each partition that has something to do, until none has.
func (r *Run) Tick(ctx context.Context, now int64) error {
	r.Advance(now)
	for {
		if err := r.Drain(ctx); err != nil {
			return err
		}
		var worked bool
		for _, topic := range r.topics {
			for partition := range r.options.Partitions {
				due, err := r.Due(ctx, topic, partition, r.options.Now)
				if err != nil {
					return fmt.Errorf("ask what is due on %s/%d: %w", topic, partition, err)
				}
				if !due {
					continue
				}
				worked = true
				if err := r.work(ctx, Batch{Topic: topic, Partition: partition, Time: r.options.Now}); err != nil {
					return err
				}
			}
		}
		if !worked {
			return nil
		}
	}
}
