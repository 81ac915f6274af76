package credits

import (
	"bytes"
	"context"
	"fmt"
	"slices"

	"github.com/grapevinehq/grapevine/pipeline"
	"github.com/grapevinehq/grapevine/pipeline/archive"
	"github.com/grapevinehq/grapevine/pipeline/event"
	"github.com/grapevinehq/grapevine/pipeline/program"
	"github.com/grapevinehq/grapevine/pipeline/reward"
)

// work is one batch: what is due by its time, and then its records.
type work struct {
	*worker
	bounds  pipeline.Bounds
	records []event.Record
	inputs  []input // one for each record

	catalog   *program.Catalog
	ledgers   *reward.Ledgers
	following *following
	changed   map[string]bool // budgets last asked under another configuration
	facts     facts
	fresh     map[string]bool // keys of conversions that come for the first time: nothing is known of them
	moves     archive.Moves   // what the batch moves to the archive
	begun     []byte          // facts as the begin record has them; nil without one

	decided record
	encoded []byte // what Record returned: only this worker's own record has writes

	standing record // what counts: this worker's record, or one journalled before
	own      bool   // it is this worker's
}

// input is one record of the batch.
type input struct {
	event.Inbound
	problems []string // why it is none
}

// Decode parses every record of the batch.
func (w *worker) Decode(bounds pipeline.Bounds, records []event.Record) (pipeline.Work, error) {
	b := &work{worker: w, bounds: bounds, records: records, inputs: make([]input, len(records))}
	for i := range records {
		b.inputs[i].problems = event.DecodeCredits(&records[i], &b.inputs[i].Inbound)
	}
	return b, nil
}

// LookUp reads what is due and the ledgers that the batch's records go to, and
// follows the inputs through them, in order, as far as that needs no budget.
// Almost every batch without budgets is done after two calls.
func (b *work) LookUp(ctx context.Context, _ pipeline.Progress) error {
	budgets, err := b.prepare(ctx)
	if err != nil {
		return err
	}
	if b.moves, err = b.archive.Plan(ctx, b.bounds, movesAtMost+movesAnInput*len(b.inputs)); err != nil {
		return err
	}
	if err := b.ask(ctx, budgets); err != nil {
		return err
	}
	b.takeFacts()
	if len(b.facts.Collect) > 0 {
		return nil // what was given room comes first
	}
	return b.follow(ctx, false)
}

// prepare reads what the partition's memory says of the batch, and returns the
// budgets that rewards wait for.
func (b *work) prepare(ctx context.Context) (budgets []string, err error) {
	if b.catalog, err = b.stage.Catalogs.Revision(ctx, b.bounds.Revision); err != nil {
		return nil, fmt.Errorf("find the configuration %s: %w", b.bounds.Revision, err)
	}
	b.ledgers = reward.NewLedgers(b.rulesOf(b.catalog), reward.Batch{Number: b.bounds.Number, Time: b.bounds.Time, Revision: b.bounds.Revision})
	records := follow()
	b.fresh = map[string]bool{}
	for i := range b.inputs {
		in := &b.inputs[i].Inbound
		if b.inputs[i].problems != nil {
			continue
		}
		records.record(b.ledgers, i, in)
		if in.Type == event.TypeCredit && in.Credit.Sequence == 0 && !b.old(&in.Credit) {
			b.fresh[reward.EntryKey(&in.Credit)] = true
		}
	}
	if err := b.load(ctx, append(records.first(), reward.RevisionKey)); err != nil {
		return nil, err
	}
	b.ledgers.Revise()
	b.following = follow()
	if budgets, err = b.due(ctx); err != nil {
		return nil, err
	}
	for _, t := range records.tasks {
		b.following.add(t.taking.Person(), t)
	}
	return budgets, nil
}

// takeFacts makes the following know what the facts say.
func (b *work) takeFacts() {
	for _, c := range b.facts.Clicks {
		b.ledgers.LoadClicks(reward.Person{OrgID: c.Org, ID: c.Member}, c.N)
	}
	for _, t := range b.following.tasks {
		t.known = slices.Contains(b.facts.Known, t.index)
	}
}

// follow takes the inputs through their ledgers. Draws are made when nothing else
// is needed; without leave to draw it ends there.
func (b *work) follow(ctx context.Context, draw bool) error {
	for {
		needs := b.following.advance()
		switch {
		case needs.None():
			return nil
		case len(needs.Keys)+len(needs.Queues) > 0:
			if err := b.load(ctx, needs.Keys); err != nil {
				return err
			}
			if err := b.loadQueues(ctx, needs.Queues); err != nil {
				return err
			}
		case !draw:
			return nil
		default:
			drawn, err := b.session.Memory.Draw(ctx, b.bounds, needs.Draws)
			if err != nil {
				return fmt.Errorf("draw %d times on budgets: %w", len(needs.Draws), err)
			}
			b.following.answer(drawn)
		}
	}
}

// load reads values of the partition's memory in one call, and in another from the
// archive what may have moved there.
func (b *work) load(ctx context.Context, keys []string) error {
	slices.Sort(keys)
	keys = slices.Compact(keys)
	if len(keys) == 0 {
		return nil
	}
	values, err := b.archive.Get(ctx, keys)
	if err != nil {
		return fmt.Errorf("read %d ledger values of %s: %w", len(keys), b.bounds.Partition, err)
	}
	var cold []string
	for i, key := range keys {
		if values[i] == nil && reward.GrowsWithConversions(key) && !b.fresh[key] {
			cold = append(cold, key)
			continue
		}
		if err := b.ledgers.Load(key, values[i]); err != nil {
			return err
		}
	}
	if values, err = b.archive.Cold(ctx, cold); err != nil {
		return err
	}
	for i, key := range cold {
		if err := b.ledgers.Load(key, values[i]); err != nil {
			return err
		}
	}
	return nil
}

// loadQueues reads queues of the partition's memory in one call.
func (b *work) loadQueues(ctx context.Context, asks []pipeline.QueueAsk) error {
	if len(asks) == 0 {
		return nil
	}
	heads, err := b.session.Memory.Heads(ctx, asks)
	if err != nil {
		return fmt.Errorf("read %d queues of %s: %w", len(asks), b.bounds.Partition, err)
	}
	for i, ask := range asks {
		b.ledgers.LoadQueue(ask, heads[i])
	}
	return nil
}

// Facts are written down when the batch draws on budgets; else they are nil.
func (b *work) Facts() ([]byte, error) {
	if len(b.facts.Collect) == 0 && b.following.done() {
		return nil, nil
	}
	var err error
	b.begun, err = b.facts.encode()
	return b.begun, err
}

// TakeFacts takes what the begin record holds. When another attempt wrote it, all
// starts over from there.
func (b *work) TakeFacts(data []byte) error {
	if b.begun != nil && bytes.Equal(b.begun, data) {
		return nil
	}
	b.following = nil
	return b.facts.decode(data, len(b.inputs))
}

// Claim draws on budgets, as the inputs need it. What rewards that waited were
// given room for comes first.
func (b *work) Claim(ctx context.Context) error {
	if b.following == nil {
		if _, err := b.prepare(ctx); err != nil {
			return err
		}
		b.takeFacts()
	}
	if err := b.collect(ctx); err != nil {
		return err
	}
	return b.follow(ctx, true)
}

// Decide renders the events as they will be published.
func (b *work) Decide() error {
	b.decided = record{Verdicts: make([]byte, len(b.inputs)), Moves: b.moves}
	b.decided.grow(b.following.tasks)
	for _, t := range b.following.tasks {
		if t.index != clock {
			b.decided.Verdicts[t.index] = t.verdict()
		}
		if err := b.decided.add(t); err != nil {
			return err
		}
	}
	b.decided.Gives = b.ledgers.Gives()
	for i := range b.inputs {
		if problems := b.inputs[i].problems; problems != nil {
			b.decided.Verdicts[i] = verdictInvalid
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
		Blocks:      append(b.blocks(), b.standing.Moves.Block(b.bounds)...),
		Messages:    b.messages(),
		DeadLetters: b.deadLetters(),
		Counts:      b.counts(),
	}
	for i := range b.standing.Gives {
		out.Gives = append(out.Gives, b.standing.Gives[i].Draw())
	}
	if b.own {
		writes, err := b.ledgers.Writes()
		if err != nil {
			return pipeline.Outcome{}, err
		}
		sets := writes.Set
		writes.Set = nil
		if err := b.archive.Write(&writes, b.bounds, sets, &b.standing.Moves); err != nil {
			return pipeline.Outcome{}, err
		}
		out.Writes = writes
	}
	return out, nil
}
