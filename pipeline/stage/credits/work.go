package credits

import (
	"bytes"
	"context"
	"fmt"
	"slices"

	"github.com/grapevinehq/grapevine/pipeline"
	"github.com/grapevinehq/grapevine/pipeline/event"
	"github.com/grapevinehq/grapevine/pipeline/program"
	"github.com/grapevinehq/grapevine/pipeline/reward"
)

// work is one batch of credits.
type work struct {
	*worker
	bounds  pipeline.Bounds
	records []event.Record
	inputs  []input // one for each record

	ledgers *reward.Ledgers
	decided record
	encoded []byte // what Record returned: only this worker's own record has writes

	standing record // what counts: this worker's record, or one journalled before
	own      bool   // it is this worker's
}

// input is one record of the batch.
type input struct {
	credit   event.Credit
	other    bool     // it is a valid record of another type
	problems []string // why it is none
}

// Decode parses every record of the batch.
func (w *worker) Decode(bounds pipeline.Bounds, records []event.Record) (pipeline.Work, error) {
	b := &work{worker: w, bounds: bounds, records: records, inputs: make([]input, len(records))}
	for i := range records {
		var in event.Inbound
		b.inputs[i].problems = event.DecodeCredits(&records[i], &in)
		b.inputs[i].credit, b.inputs[i].other = in.Credit, in.Type != event.TypeCredit
	}
	return b, nil
}

// LookUp reads the ledgers that the batch's credits are booked in, and follows
// the credits through them, in order, as far as values name further values.
// Almost every batch is done after one call; only repeated steps of tiers and
// brackets whose total falls need more.
func (b *work) LookUp(ctx context.Context, _ pipeline.Progress) error {
	catalog, err := b.stage.Catalogs.Revision(ctx, b.bounds.Revision)
	if err != nil {
		return fmt.Errorf("find the configuration %s: %w", b.bounds.Revision, err)
	}
	b.ledgers = reward.NewLedgers()
	f := follow(b.ledgers, catalog, b.inputs)
	if err := b.load(ctx, f.first()); err != nil {
		return err
	}
	if err := b.askBooks(ctx, f); err != nil {
		return err
	}
	for {
		missing := f.advance()
		if len(missing) == 0 {
			break
		}
		if err := b.load(ctx, missing); err != nil {
			return err
		}
	}
	b.decided = record{Verdicts: f.verdicts}
	for i, events := range f.events {
		for j := range events {
			b.decided.Rewards = append(b.decided.Rewards, happened{Index: i, Event: events[j]})
		}
	}
	return nil
}

// load reads values of the partition's memory in one call.
func (b *work) load(ctx context.Context, keys []string) error {
	slices.Sort(keys)
	keys = slices.Compact(keys)
	if len(keys) == 0 {
		return nil
	}
	values, err := b.session.Memory.Get(ctx, keys)
	if err != nil {
		return fmt.Errorf("read %d ledger values of %s: %w", len(keys), b.bounds.Partition, err)
	}
	for i, key := range keys {
		if err := b.ledgers.Load(key, values[i]); err != nil {
			return err
		}
	}
	return nil
}

// askBooks looks up the credits that the memory may have forgotten.
func (b *work) askBooks(ctx context.Context, f *following) error {
	var at []int
	var old []*event.Credit
	for i := range b.inputs {
		c := &b.inputs[i].credit
		if b.inputs[i].problems == nil && !b.inputs[i].other && b.bounds.Time-c.DecidedAt > b.stage.Retention.Milliseconds() && !b.ledgers.Knows(c) {
			at, old = append(at, i), append(old, c)
		}
	}
	if len(old) == 0 {
		return nil
	}
	taken, err := b.stage.Books.Taken(ctx, old)
	if err != nil {
		return fmt.Errorf("look %d old credits up in the books: %w", len(old), err)
	}
	for i, known := range taken {
		f.known[at[i]] = known
	}
	return nil
}

// Facts is nil: the batch claims nothing.
func (b *work) Facts() ([]byte, error) { return nil, nil }

// TakeFacts takes nothing: a begin record is never written.
func (b *work) TakeFacts([]byte) error { return nil }

// Claim claims nothing.
func (b *work) Claim(context.Context) error { return nil }

// Decide renders the reward events as they will be published.
func (b *work) Decide() error {
	for i := range b.decided.Rewards {
		r := &b.decided.Rewards[i]
		var err error
		if r.Value, err = encodeReward(&r.Event); err != nil {
			return err
		}
	}
	for i := range b.inputs {
		if problems := b.inputs[i].problems; problems != nil {
			b.decided.Letters = append(b.decided.Letters, letter{Index: i, Detail: event.Detail(problems)})
		}
	}
	return nil
}

// Record encodes what was decided.
func (b *work) Record() ([]byte, error) {
	var err error
	b.encoded, err = b.decided.encode()
	return b.encoded, err
}

// TakeRecord takes the record that counts. The worker's own need not be decoded:
// its decoding is what was encoded.
func (b *work) TakeRecord(data []byte) error {
	b.own = b.encoded != nil && bytes.Equal(b.encoded, data)
	if b.own {
		b.standing = b.decided
		return nil
	}
	return b.standing.decode(data, len(b.inputs))
}

// Outcome is what the record makes of the batch. Only this worker's own record
// has writes to the memory: with one journalled before, they were made then.
func (b *work) Outcome(context.Context) (pipeline.Outcome, error) {
	out := pipeline.Outcome{
		Blocks:      b.blocks(),
		Messages:    b.messages(),
		DeadLetters: b.deadLetters(),
		Counts:      b.counts(),
	}
	if b.own {
		changed, err := b.ledgers.Changed()
		if err != nil {
			return pipeline.Outcome{}, err
		}
		for _, v := range changed {
			out.Writes.Set = append(out.Writes.Set, pipeline.KeyValue{Key: v.Key, Value: v.Data})
		}
	}
	return out, nil
}

// programOf finds a credit's program in the batch's configuration.
func programOf(catalog *program.Catalog, c *event.Credit) *program.Program {
	return catalog.Program(c.OrgID, c.ProgramID)
}
