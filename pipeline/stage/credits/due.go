package credits

import (
	"context"
	"fmt"
	"math"
	"strconv"

	"github.com/grapevinehq/grapevine/pipeline"
	"github.com/grapevinehq/grapevine/pipeline/reward"
)

// How much of what is due one batch does; the next goes on.
const (
	duePerBatch   = 1000
	movesAtMost   = 1000 // values that move to the archive, and so many more
	movesAnInput  = 8    // for each input
	askedPerBatch = 200
	manyBudgets   = 1 << 20 // more than rewards of a partition wait for
)

// due adds what is due by the batch's time: holds that end, and who waits for room
// and was looked at last under another configuration. It returns the budgets that
// rewards wait for.
func (b *work) due(ctx context.Context) (budgets []string, err error) {
	before := b.ledgers.Ordinal() - 1
	heads, err := b.session.Memory.Heads(ctx, []pipeline.QueueAsk{
		{Key: reward.QueueDue, UpTo: b.bounds.Time, Limit: duePerBatch},
		{Key: reward.QueueLimits, UpTo: before, Limit: askedPerBatch},
		{Key: reward.QueueRates, UpTo: before, Limit: askedPerBatch},
		{Key: reward.QueueBudgets, UpTo: math.MaxInt64, Limit: manyBudgets},
	})
	if err != nil {
		return nil, fmt.Errorf("read what is due on %s: %w", b.bounds.Partition, err)
	}
	for i, m := range heads[0] {
		b.following.clocked(b.ledgers.TakeDue("due/"+strconv.Itoa(i), m.Member))
	}
	for i, m := range heads[1] {
		b.following.clocked(b.ledgers.TakeLimit("limit/"+strconv.Itoa(i), m.Member))
	}
	for i, m := range heads[2] {
		b.following.clocked(b.ledgers.TakeRates("rate/"+strconv.Itoa(i), m.Member))
	}
	b.changed = map[string]bool{}
	for _, m := range heads[3] {
		budgets = append(budgets, m.Member)
		b.changed[m.Member] = m.Rank <= before
	}
	return budgets, nil
}

// collect asks budgets which rewards they have given room, and lets those go first.
func (b *work) collect(ctx context.Context) error {
	if len(b.facts.Collect) == 0 {
		return nil
	}
	var keys []string
	for _, name := range b.facts.Collect {
		keys = append(keys, reward.AccountKey(name))
	}
	if err := b.load(ctx, keys); err != nil {
		return err
	}
	var draws []pipeline.Draw
	for _, name := range b.facts.Collect {
		draws = append(draws, b.ledgers.Collect(name))
	}
	drawn, err := b.session.Memory.Draw(ctx, b.bounds, draws)
	if err != nil {
		return fmt.Errorf("ask %d budgets for the room that they gave: %w", len(draws), err)
	}
	rest := b.following
	b.following = follow()
	for i, name := range b.facts.Collect {
		b.ledgers.Collected(name)
		for j, g := range drawn[i].Collected {
			b.following.clocked(b.ledgers.TakeGranted(fmt.Sprintf("granted/%s/%d", name, j), name, g))
		}
	}
	for _, t := range rest.tasks {
		b.following.add(t.taking.Person(), t)
	}
	return nil
}

// Due implements pipeline.Timekeeper: whether a hold has ended, a budget has given
// room to a reward that waited, somebody waits for room who was not looked at
// since the configuration changed, or something is old enough for the archive.
func (w *worker) Due(ctx context.Context, now int64) (bool, error) {
	if w.archive.Due(now) {
		return true, nil
	}
	memory := w.session.Memory
	values, err := memory.Get(ctx, []string{reward.RevisionKey})
	if err != nil {
		return false, fmt.Errorf("read the configuration of the last batch of %s: %w", w.session.Partition, err)
	}
	last, err := reward.DecodeRevision(values[0])
	if err != nil {
		return false, err
	}
	before := last.Ordinal - 1
	if w.stage.Present() != last.Hash {
		before = math.MaxInt64
	}
	heads, err := memory.Heads(ctx, []pipeline.QueueAsk{
		{Key: reward.QueueDue, UpTo: now, Limit: 1},
		{Key: reward.QueueLimits, UpTo: before, Limit: 1},
		{Key: reward.QueueRates, UpTo: before, Limit: 1},
		{Key: reward.QueueBudgets, UpTo: math.MaxInt64, Limit: manyBudgets},
	})
	if err != nil {
		return false, fmt.Errorf("read what is due on %s: %w", w.session.Partition, err)
	}
	if len(heads[0])+len(heads[1])+len(heads[2]) > 0 {
		return true, nil
	}
	return w.roomGiven(ctx, heads[3], before)
}

// roomGiven tells whether one of the budgets that rewards wait for must be asked.
func (w *worker) roomGiven(ctx context.Context, budgets []pipeline.QueueMember, before int64) (bool, error) {
	var names []string
	for _, m := range budgets {
		if m.Rank <= before {
			return true, nil
		}
		names = append(names, m.Member)
	}
	if len(names) == 0 {
		return false, nil
	}
	granted, err := w.session.Memory.Granted(ctx, names)
	if err != nil {
		return false, fmt.Errorf("ask for room in %d budgets: %w", len(names), err)
	}
	for _, g := range granted {
		if g {
			return true, nil
		}
	}
	return false, nil
}
