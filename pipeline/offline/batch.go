package offline

import (
	"bytes"
	"context"
	"fmt"

	"github.com/grapevinehq/grapevine/pipeline"
	"github.com/grapevinehq/grapevine/pipeline/event"
)

// Batch is what one batch of a partition takes.
type Batch struct {
	Topic     string // the contract's name
	Partition int
	// Records in the order of their offsets; none for what is due by the clock.
	Records []event.Record
	// Time of the batch, in milliseconds since the epoch; that of the batch before
	// where that is later.
	Time int64
}

// Done is what a batch did, and its bounds.
type Done struct {
	pipeline.Outcome
	Bounds  pipeline.Bounds
	Records []event.Record
}

// partition is one partition, worked by one worker.
type partition struct {
	stage      pipeline.Stage
	id         pipeline.Partition
	generation int32
	session    pipeline.Session
	worker     pipeline.Worker
	last       pipeline.Bounds // of the batch before
}

// at finds a partition, or takes it over for the first time.
func (p *Pipeline) at(ctx context.Context, topic string, id int) (*partition, error) {
	if part := p.parts[place{topic, id}]; part != nil {
		return part, nil
	}
	stage := p.stages[topic]
	if stage == nil {
		return nil, fmt.Errorf("no stage reads the topic %q", topic)
	}
	part := &partition{stage: stage, id: pipeline.Partition{Topic: topic, Incarnation: topic, ID: id}}
	p.parts[place{topic, id}] = part
	return part, p.takeOver(ctx, part)
}

// takeOver lets a new worker begin on a partition, with what is remembered of it.
func (p *Pipeline) takeOver(ctx context.Context, part *partition) error {
	part.generation++
	memory, _, err := p.store.TakeOver(ctx, part.id, part.generation, func(context.Context) error { return nil })
	if err != nil {
		return err
	}
	part.session = pipeline.Session{Partition: part.id, Generation: part.generation, Memory: memory, Log: p.options.Log}
	if part.worker, err = part.stage.TakeOver(ctx, &part.session); err != nil {
		return fmt.Errorf("take over %s: %w", part.id, err)
	}
	return nil
}

// Due tells whether a batch without records would have anything to do at a time,
// in milliseconds since the epoch.
func (p *Pipeline) Due(ctx context.Context, topic string, id int, now int64) (bool, error) {
	part, err := p.at(ctx, topic, id)
	if err != nil {
		return false, err
	}
	keeper, ok := part.worker.(pipeline.Timekeeper)
	if !ok {
		return false, nil
	}
	return keeper.Due(ctx, max(now, part.last.Time))
}

// Work works a batch. That all goes before it which it has to wait for is the
// caller's business. What it publishes is in the answer, and nowhere else.
func (p *Pipeline) Work(ctx context.Context, b Batch) (*Done, error) {
	part, err := p.at(ctx, b.Topic, b.Partition)
	if err != nil {
		return nil, err
	}
	bounds := part.bound(b, p.options.Catalog.Revision)
	done, err := p.work(ctx, part, bounds, b.Records)
	if err != nil {
		return nil, fmt.Errorf("batch %d of %s: %w", bounds.Number, part.id, err)
	}
	part.last = bounds
	p.worked(bounds)
	return done, nil
}

// bound bounds the next batch.
func (part *partition) bound(b Batch, revision string) pipeline.Bounds {
	bounds := pipeline.Bounds{
		Partition: part.id, Number: part.last.Number + 1, First: part.last.End, End: part.last.End,
		Time: max(b.Time, part.last.Time), Revision: revision,
	}
	if len(b.Records) > 0 {
		bounds.First, bounds.End = b.Records[0].Offset, b.Records[len(b.Records)-1].Offset+1
	}
	return bounds
}

// work is the life of a batch: see package loop, which says why in this order.
func (p *Pipeline) work(ctx context.Context, part *partition, bounds pipeline.Bounds, records []event.Record) (*Done, error) {
	work, err := part.worker.Decode(bounds, records)
	if err != nil {
		return nil, fmt.Errorf("decode: %w", err)
	}
	facts, err := p.decide(ctx, part, bounds, work)
	if err != nil {
		return nil, err
	}
	record, err := work.Record()
	if err != nil {
		return nil, fmt.Errorf("encode the record: %w", err)
	}
	outcome, err := carryOut(ctx, work, record)
	if err != nil {
		return nil, err
	}
	if _, err = part.session.Memory.Fill(ctx, bounds, facts, record, outcome.Writes); err != nil {
		return nil, fmt.Errorf("journal: %w", err)
	}
	if p.options.Replay {
		if outcome, err = p.replay(ctx, part, bounds, records, record); err != nil {
			return nil, fmt.Errorf("replay: %w", err)
		}
	}
	if part.stage.Shared() {
		if err := part.session.Memory.ApplyShared(ctx, bounds, outcome.Shared); err != nil {
			return nil, fmt.Errorf("apply: %w", err)
		}
	}
	if err := part.session.Memory.Give(ctx, bounds, outcome.Gives); err != nil {
		return nil, fmt.Errorf("give back to %d budgets: %w", len(outcome.Gives), err)
	}
	return &Done{outcome, bounds, records}, nil
}

// decide takes a batch through look-up and claims to what it decides.
func (p *Pipeline) decide(ctx context.Context, part *partition, bounds pipeline.Bounds, work pipeline.Work) (facts []byte, err error) {
	if err := work.LookUp(ctx, p.progress(part.stage)); err != nil {
		return nil, fmt.Errorf("look up: %w", err)
	}
	if facts, err = work.Facts(); err != nil {
		return nil, fmt.Errorf("encode facts: %w", err)
	}
	if facts != nil {
		if _, err := part.session.Memory.Begin(ctx, bounds, facts); err != nil {
			return nil, fmt.Errorf("begin: %w", err)
		}
		if err := work.TakeFacts(facts); err != nil {
			return nil, fmt.Errorf("take facts: %w", err)
		}
		if err := work.Claim(ctx); err != nil {
			return nil, fmt.Errorf("claim: %w", err)
		}
	}
	if err := work.Decide(); err != nil {
		return nil, fmt.Errorf("decide: %w", err)
	}
	return facts, nil
}

func carryOut(ctx context.Context, work pipeline.Work, record []byte) (pipeline.Outcome, error) {
	if err := work.TakeRecord(record); err != nil {
		return pipeline.Outcome{}, fmt.Errorf("take the record: %w", err)
	}
	outcome, err := work.Outcome(ctx)
	if err != nil {
		return pipeline.Outcome{}, fmt.Errorf("carry out the record: %w", err)
	}
	return outcome, nil
}

// replay carries a journalled batch out by another worker.
func (p *Pipeline) replay(ctx context.Context, part *partition, bounds pipeline.Bounds, records []event.Record, record []byte) (pipeline.Outcome, error) {
	if err := p.takeOver(ctx, part); err != nil {
		return pipeline.Outcome{}, err
	}
	work, err := part.worker.Decode(bounds, records)
	if err != nil {
		return pipeline.Outcome{}, fmt.Errorf("decode: %w", err)
	}
	outcome, err := carryOut(ctx, work, record)
	if err != nil {
		return outcome, err
	}
	stands, err := part.session.Memory.Fill(ctx, bounds, nil, record, outcome.Writes)
	if err == nil && !bytes.Equal(stands.Record, record) {
		err = fmt.Errorf("the journal holds another record")
	}
	return outcome, err
}
