package fulfillments

import (
	"context"
	"fmt"

	"github.com/grapevinehq/grapevine/pipeline"
	"github.com/grapevinehq/grapevine/pipeline/event"
	"github.com/grapevinehq/grapevine/pipeline/program"
	"github.com/grapevinehq/grapevine/pipeline/recall"
)

// waitingKey is the key, in the partition's own memory, of those who wait.
const waitingKey = "waiting"

// work is one batch of fulfilments.
type work struct {
	*worker
	bounds   pipeline.Bounds
	records  []event.Record
	events   []event.Fulfillment
	problems []string // by index, empty for what decodes

	catalog *program.Catalog
	found   recall.Found
	waiting []waiter // before the batch
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
	values, err := k.session.Memory.Get(ctx, []string{waitingKey})
	if err != nil {
		return fmt.Errorf("read the fulfilments that wait: %w", err)
	}
	if k.waiting = nil; values[0] != nil {
		if err := decode(values[0], &k.waiting); err != nil {
			return fmt.Errorf("read the fulfilments that wait: %w", err)
		}
	}
	var keys []recall.Key
	for i := range k.events {
		if k.refuse(i) == stored {
			key, _ := k.identity(&k.events[i])
			keys = append(keys, key)
		}
	}
	if k.found, err = k.memory.LookUp(ctx, keys); err != nil {
		return err
	}
	return k.findRewards(ctx)
}

func (k *work) findRewards(ctx context.Context) error {
	k.rewards = map[RewardQuery]Reward{}
	var queries []RewardQuery
	ask := func(e *event.Fulfillment) {
		q := queryOf(e)
		if _, asked := k.rewards[q]; !asked {
			k.rewards[q] = Reward{}
			queries = append(queries, q)
		}
	}
	for i := range k.waiting {
		e, err := k.reread(&k.waiting[i])
		if err != nil {
			return err
		}
		ask(e)
	}
	for i := range k.events {
		if k.refuse(i) == stored {
			ask(&k.events[i])
		}
	}
	if len(queries) == 0 {
		return nil
	}
	found, err := k.Rewards.Rewards(ctx, queries)
	if err != nil {
		return fmt.Errorf("look up %d rewards: %w", len(queries), err)
	}
	for i, r := range found {
		k.rewards[queries[i]] = r
	}
	return nil
}

func queryOf(e *event.Fulfillment) RewardQuery {
	return RewardQuery{OrgID: e.OrgID, ProgramID: e.ProgramID, RewardID: e.RewardID}
}

// reread decodes an event that waits.
func (k *work) reread(w *waiter) (*event.Fulfillment, error) {
	e := new(event.Fulfillment)
	if problems := event.DecodeFulfillment(w.record(), e, k.Limits); problems != nil {
		return nil, fmt.Errorf("the fulfilment at offset %d waits and is not valid any more: %s", w.Offset, event.Detail(problems))
	}
	return e, nil
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
func (k *work) identity(e *event.Fulfillment) (recall.Key, recall.Event) {
	key, _ := k.Recall.Key(nil, e.OrgID, e.ProgramID, e.RewardID)
	id, _ := k.Recall.Event(nil, key, e.Source, e.ID)
	return key, id
}

// Facts implements pipeline.Work: nothing is claimed.
func (k *work) Facts() ([]byte, error) { return nil, nil }

// TakeFacts implements pipeline.Work.
func (k *work) TakeFacts([]byte) error {
	return fmt.Errorf("fulfilments have no begin record, and one was found")
}

// Claim implements pipeline.Work.
func (k *work) Claim(context.Context) error { return nil }

// Decide implements pipeline.Work: first those who wait, then the batch, each in
// partition order.
func (k *work) Decide() error {
	k.rec = record{Decisions: make([]decision, len(k.events))}
	if err := k.endWaits(); err != nil {
		return err
	}
	for i := range k.events {
		d := &k.rec.Decisions[i]
		if d.Verdict = k.refuse(i); d.Verdict != stored {
			continue
		}
		key, id := k.identity(&k.events[i])
		if k.found.Seen(key, id) {
			d.Verdict = redelivered
			continue
		}
		k.found.Remember(recall.Entry{Key: key, Event: id})
		if *d = k.take(&k.events[i]); d.Verdict == waiting {
			k.rec.Waiting = append(k.rec.Waiting, waiterOf(&k.records[i]))
			k.rec.Changed = true
		}
	}
	if !k.rec.Changed {
		k.rec.Waiting = nil
	}
	return nil
}

// endWaits looks again at those who wait. Their time is over when a record of
// the batch is that much younger.
func (k *work) endWaits() error {
	var now int64
	for i := range k.records {
		now = max(now, k.records[i].Time)
	}
	for i := range k.waiting {
		w := k.waiting[i]
		e, err := k.reread(&w)
		if err != nil {
			return err
		}
		d := k.take(e)
		if d.Verdict == waiting && now-w.Time >= Wait.Milliseconds() {
			d.Verdict = unknownReward
		}
		if d.Verdict == waiting {
			k.rec.Waiting = append(k.rec.Waiting, w)
			continue
		}
		k.rec.Ended = append(k.rec.Ended, ended{w, d})
		k.rec.Changed = true
	}
	return nil
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
