package fulfillments

import (
	"context"
	"fmt"

	"github.com/grapevinehq/grapevine/pipeline"
	"github.com/grapevinehq/grapevine/pipeline/event"
	"github.com/grapevinehq/grapevine/pipeline/program"
	"github.com/grapevinehq/grapevine/pipeline/recall"
)

// work is one batch of fulfilments.
type work struct {
	*worker
	bounds   pipeline.Bounds
	records  []event.Record
	events   []event.Fulfillment
	problems []string // by index, empty for what decodes

	catalog *program.Catalog
	found   recall.Found
	again   map[int]bool // by index, of dead letters that came again: stored long ago
	waiting []waiter     // before the batch
	rewards map[RewardQuery]Reward
	rec     record
}

// LookUp implements pipeline.Work: who waits, what was taken before, and the
// rewards that all of them are about.
func (k *work) LookUp(ctx context.Context, _ pipeline.Progress) error {
	var err error
	if k.catalog, err = k.Catalogs.Revision(ctx, k.bounds.Revision); err != nil {
		return fmt.Errorf("configuration %s: %w", k.bounds.Revision, err)
	}
	if k.waiting, err = k.waiters(ctx); err != nil {
		return err
	}
	var keys []recall.Key
	for i := range k.events {
		if k.refuse(i) == stored {
			keys = append(keys, k.identity(&k.events[i]).Key)
		}
	}
	if k.found, err = k.memory.LookUp(ctx, keys); err != nil {
		return err
	}
	k.again, err = pipeline.FindRecorded(ctx, k.Books, Table, k.records, func(i int) (pipeline.EventQuery, bool) {
		e := &k.events[i]
		return pipeline.EventQuery{OrgID: e.OrgID, ProgramID: e.ProgramID, By: e.RewardID, Source: e.Source, EventID: e.ID}, k.refuse(i) == stored
	})
	if err != nil {
		return err
	}
	return k.findRewards(ctx)
}

// findRewards looks up the rewards of those who wait and of the batch.
func (k *work) findRewards(ctx context.Context) (err error) {
	events, err := k.rereadAll(k.waiting)
	if err != nil {
		return err
	}
	for i := range k.events {
		if k.refuse(i) == stored {
			events = append(events, &k.events[i])
		}
	}
	k.rewards, err = k.rewardsOf(ctx, events)
	return err
}

// refuse tells why an event is a dead letter, or that it may be stored.
func (k *work) refuse(i int) verdict {
	e := &k.events[i]
	switch {
	case k.problems[i] != "":
		return invalid
	case k.catalog.Program(e.OrgID, e.ProgramID) == nil:
		return unknownProgram
	}
	return stored
}

// identity is what a redelivery is recognised by (§9 (37)).
func (k *work) identity(e *event.Fulfillment) recall.Entry {
	key, _ := k.Recall.Key(nil, e.OrgID, e.ProgramID, e.RewardID)
	id, _ := k.Recall.Event(nil, key, e.Source, e.ID)
	return recall.Entry{Key: key, Event: id}
}

// Facts implements pipeline.Work: nothing is claimed.
func (k *work) Facts() ([]byte, error) { return nil, nil }

// TakeFacts implements pipeline.Work.
func (k *work) TakeFacts([]byte) error {
	return fmt.Errorf("fulfilments have no begin record, and one was found")
}

// Claim implements pipeline.Work.
func (k *work) Claim(context.Context) error { return nil }

// Decide implements pipeline.Work: first those whose reward has come, then the
// batch and what it shows to have waited too long, in partition order.
func (k *work) Decide() error {
	k.rec = record{Decisions: make([]decision, len(k.events))}
	l, err := k.line()
	if err != nil {
		return err
	}
	for i := range k.events {
		k.rec.Ended = append(k.rec.Ended, l.expire(k.records[i].Time)...)
		k.rec.Decisions[i] = k.decide(i, l)
	}
	if len(k.records) == 0 { // the clock made this batch
		k.rec.Ended = append(k.rec.Ended, l.expire(k.bounds.Time)...)
	}
	if k.rec.Changed = l.changed; l.changed {
		k.rec.Waiting = l.waiters()
	}
	return nil
}

// decide gives one event its verdict. One that waits is not remembered as taken: a
// dead letter may come of it, and a dead letter takes nothing (§9 (4)).
func (k *work) decide(i int, l *line) decision {
	if v := k.refuse(i); v != stored {
		return decision{Verdict: v}
	}
	e := &k.events[i]
	same := k.identity(e)
	if k.found.Seen(same.Key, same.Event) || k.again[i] || l.holds(same) {
		return decision{Verdict: redelivered}
	}
	d := k.take(e)
	if d.Verdict == waiting {
		l.add(waiterOf(&k.records[i]), same)
	} else {
		k.found.Remember(same)
	}
	return d
}

// line are those who wait; whose reward has come leave it.
func (k *work) line() (*line, error) {
	l := newLine()
	for _, w := range k.waiting {
		e, err := k.reread(&w)
		if err != nil {
			return nil, err
		}
		same := k.identity(e)
		d := k.take(e)
		if d.Verdict == waiting {
			l.add(w, same)
			continue
		}
		k.found.Remember(same)
		k.rec.Ended = append(k.rec.Ended, ended{w, d})
	}
	l.changed = len(k.rec.Ended) > 0
	return l, nil
}

// take finds what an event is about: a fulfilment fulfils all that remains and
// was not fulfilled before, the others move nothing.
func (k *work) take(e *event.Fulfillment) decision {
	q := queryOf(e)
	r := k.rewards[q]
	if !r.Known {
		return decision{Verdict: waiting}
	}
	d := decision{Verdict: stored, Reward: r}
	if e.Type == event.TypeFulfilled {
		d.Amount = max(r.Remaining-r.Fulfilled, 0)
		r.Fulfilled += d.Amount
		k.rewards[q] = r
	}
	return d
}

// Record implements pipeline.Work.
func (k *work) Record() ([]byte, error) { return encode(&k.rec) }

// TakeRecord implements pipeline.Work.
func (k *work) TakeRecord(b []byte) error {
	k.rec = record{}
	if err := decode(b, &k.rec); err != nil {
		return fmt.Errorf("decode the record of batch %d: %w", k.bounds.Number, err)
	}
	if len(k.rec.Decisions) != len(k.records) {
		return fmt.Errorf("batch %d decided %d records, and Kafka has %d of them: %w", k.bounds.Number, len(k.rec.Decisions), len(k.records), pipeline.ErrOffsetsLost)
	}
	return nil
}
