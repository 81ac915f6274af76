package backtest

import (
	"cmp"
	"context"
	"slices"

	"github.com/grapevinehq/grapevine/pipeline/event"
	"github.com/grapevinehq/grapevine/pipeline/offline"
	"github.com/grapevinehq/grapevine/pipeline/reward"
)

// change works a batch of members.
func (r *replay) change(ctx context.Context, c *chapter, batch []*Member) error {
	records := make([]event.Record, len(batch))
	for i := range batch {
		var err error
		if records[i], err = memberRecord(&batch[i].Update); err != nil {
			return err
		}
	}
	return r.batch(ctx, membersTopic, batch[0].At, records, c)
}

// convert works a batch of conversions.
func (r *replay) convert(ctx context.Context, batch []*Conversion) error {
	records := make([]event.Record, len(batch))
	for i := range batch {
		if batch[i].Event.Type == event.TypeConversion {
			r.decided[batch[i].Revision]++
		}
		var err error
		if records[i], err = conversionRecord(&batch[i].Event); err != nil {
			return err
		}
	}
	return r.batch(ctx, conversionsTopic, batch[0].At, records, r.books.chapter)
}

// judge works a batch of people's decisions.
func (r *replay) judge(ctx context.Context, c *chapter, batch []*Decision) error {
	records := make([]event.Record, len(batch))
	for i := range batch {
		var err error
		if records[i], err = decisionRecord(&batch[i].Event); err != nil {
			return err
		}
	}
	return r.batch(ctx, fulfillmentsTopic, batch[0].At, records, c)
}

// click lets ledgers hear of unique clicks.
func (r *replay) click(c *chapter, batch []*Clicks) error {
	records := make([]event.Record, len(batch))
	for i := range batch {
		b := batch[i]
		r.books.unique[reward.Person{OrgID: r.org.ID, ID: b.MemberID}] += b.Unique
		key, value, err := event.EncodeMemberClicked(&event.MemberClicked{
			OrgID: r.org.ID, MemberID: b.MemberID, Time: b.Time, Partition: b.Partition, Offset: b.Offset, DecidedAt: b.At,
		})
		if err != nil {
			return err
		}
		records[i] = event.Record{Time: written, Key: key, Value: value}
	}
	return r.handOver(records, batch[0].At, c)
}

// take works a batch of credits: those of its credits that there still are.
func (r *replay) take(ctx context.Context, t *taking) error {
	p := partOf(&t.Origin)
	r.taken[p] = max(r.taken[p], t.Batch)
	delete(r.opened[p], t.Batch)
	if len(t.credits) == 0 {
		return nil
	}
	slices.SortStableFunc(t.credits, func(a, b *placed) int { return cmp.Compare(a.offset, b.offset) })
	return r.batch(ctx, creditsTopic, t.At, r.took(t.credits, t), nil)
}

// batch works one batch of a topic, and plans what follows from it. Its chapter
// tells where that was taken; a batch for ledgers has none.
func (r *replay) batch(ctx context.Context, topic string, at int64, records []event.Record, c *chapter) error {
	for i := range records {
		records[i].Offset = r.written[topic]
		r.written[topic]++
	}
	done, err := r.pipeline.Work(ctx, offline.Batch{Topic: topic, Records: records, Time: at})
	if err != nil {
		return err
	}
	if err := r.file(done); err != nil {
		return err
	}
	if err := r.handOver(handed(done), at, c); err != nil {
		return err
	}
	if !r.books.arrived {
		return nil
	}
	r.books.arrived = false
	return r.clock(ctx, fulfillmentsTopic, at)
}

// file keeps what became of a batch.
func (r *replay) file(done *offline.Done) error {
	if err := r.books.write(done.Blocks); err != nil {
		return err
	}
	for _, c := range done.Counts {
		if c.Type == event.TypeConversion && refusals[c.Verdict] {
			r.refused[c.Verdict] += c.N
		}
	}
	for i := range done.Blocks {
		if done.Blocks[i].Table != "rewards" {
			continue
		}
		if err := r.rewards.won(offline.ColumnsOf(&done.Blocks[i])); err != nil {
			return err
		}
	}
	return nil
}

// refusals make dead letters of conversions that were stored once.
var refusals = map[string]bool{"unknown_program": true, "no_exchange_rate": true, "invalid": true}

// clock does what is due on a topic.
func (r *replay) clock(ctx context.Context, topic string, at int64) error {
	for {
		due, err := r.pipeline.Due(ctx, topic, 0, at)
		if err != nil || !due {
			return err
		}
		done, err := r.pipeline.Work(ctx, offline.Batch{Topic: topic, Time: at})
		if err != nil {
			return err
		}
		if err := r.file(done); err != nil {
			return err
		}
		if err := r.handOver(handed(done), at, nil); err != nil {
			return err
		}
	}
}
