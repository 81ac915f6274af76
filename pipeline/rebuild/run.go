package rebuild

import (
	"context"
	"fmt"
	"strconv"

	"github.com/grapevinehq/grapevine/pipeline"
	"github.com/grapevinehq/grapevine/pipeline/changelog"
	"github.com/grapevinehq/grapevine/pipeline/recall"
	"github.com/grapevinehq/grapevine/pipeline/reward"
)

// Memory is the Redis that is made anew (package state). All of it may be repeated
// but Append.
type Memory interface {
	Done(ctx context.Context, unit string) (bool, error)
	Mark(ctx context.Context, unit string) error
	Set(ctx context.Context, p pipeline.Partition, values []pipeline.KeyValue) error
	Delete(ctx context.Context, p pipeline.Partition, keys []string) error
	Append(ctx context.Context, p pipeline.Partition, pieces []pipeline.KeyValue) error
	Enqueue(ctx context.Context, p pipeline.Partition, members []pipeline.QueueMember) error
	Share(ctx context.Context, sets []pipeline.SharedSet) error
	Claim(ctx context.Context, p pipeline.Partition, owned []pipeline.Owned) error
	Release(ctx context.Context, ids []pipeline.ClaimID) error
	Journal(ctx context.Context, j pipeline.Journal) error
	Budget(ctx context.Context, name string, used int64, drawn map[pipeline.Partition]uint64) error
	Wait(ctx context.Context, p pipeline.Partition, draws []pipeline.Draw) error
	Agree(ctx context.Context, agreed map[string][]byte) error
	Revision(ctx context.Context, hash string, source []byte) error
	Finish(ctx context.Context) error
}

// Options of a run.
type Options struct {
	Plan      *Plan
	Changelog Changelog
	Memory    Memory
	Hasher    recall.Hasher
	// Clicks and Credits are the topics of clicks and of credits, as Kafka knows them.
	Clicks, Credits string
	Told            func(Progress) // how far it is, often; may be nil
}

// Progress is how far a run is.
type Progress struct {
	Unit     string // what is made anew
	Done, Of int    // units
	Skipped  int    // of those done, by a run that was cut off
	Rows     int64  // that were read
}

// run is one run.
type run struct {
	Options
	progress Progress
}

// Run makes anew what the plan says, and hands Redis to the workers.
func Run(ctx context.Context, o Options) (Progress, error) {
	r := &run{Options: o}
	units := []unit{{"what was agreed on", r.agreed}}
	for _, p := range o.Plan.Partitions {
		units = append(units, unit{p.String() + " of " + p.Incarnation, func(ctx context.Context) error { return r.partition(ctx, p) }})
	}
	units = append(units, unit{"budgets", r.budgets})
	r.progress.Of = len(units)
	for _, u := range units {
		if err := r.one(ctx, u); err != nil {
			return r.progress, fmt.Errorf("rebuild %s: %w", u.name, err)
		}
	}
	return r.progress, o.Memory.Finish(ctx)
}

type unit struct {
	name string
	make func(context.Context) error
}

// one makes a unit, unless a run before has.
func (r *run) one(ctx context.Context, u unit) error {
	r.progress.Unit = u.name
	done, err := r.Memory.Done(ctx, u.name)
	if err != nil {
		return err
	}
	if done {
		r.progress.Skipped++
	} else {
		if err := u.make(ctx); err != nil {
			return err
		}
		if err := r.Memory.Mark(ctx, u.name); err != nil {
			return err
		}
	}
	r.progress.Done++
	r.told(0)
	return nil
}

func (r *run) told(rows int64) {
	r.progress.Rows += rows
	if r.Told != nil {
		r.Told(r.progress)
	}
}

// agreed sets what the workers agreed on, and the configurations.
func (r *run) agreed(ctx context.Context) error {
	agreed, err := r.Changelog.Agreed(ctx)
	if err != nil {
		return err
	}
	if err := r.Memory.Agree(ctx, agreed); err != nil {
		return err
	}
	return r.Changelog.Configurations(ctx, func(revision string, source []byte) error {
		return r.Memory.Revision(ctx, revision, source)
	})
}

// partition makes anew what one partition remembers, shares and owns.
func (r *run) partition(ctx context.Context, p Partition) error {
	w := &writer{memory: r.Memory, partition: p.Partition}
	var value assembled
	var directory []byte
	var last changelog.Journal
	take := func(row *changelog.Row, batch uint64) error {
		r.told(1)
		if row.Kind != changelog.KindValue || row.Key != value.key {
			if err := w.value(ctx, &value); err != nil {
				return err
			}
		}
		if row.Kind == changelog.KindValue && row.Key == recall.DirectoryKey {
			directory = row.Value
		}
		switch row.Kind {
		case changelog.KindValue:
			value.add(row, batch)
			return nil
		case changelog.KindJournal:
			return r.journal(ctx, p, row, batch, &last)
		default:
			return w.row(ctx, r.atRest(p, row))
		}
	}
	if err := r.Changelog.Rows(ctx, p.Partition, take); err != nil {
		return err
	}
	if err := w.value(ctx, &value); err != nil {
		return err
	}
	if err := w.flush(ctx); err != nil {
		return err
	}
	if p.Topic == r.Clicks {
		return r.clicks(ctx, p, directory, last.Appended)
	}
	return nil
}

// journal sets the journal, whose rows stand in the changelog.
func (r *run) journal(ctx context.Context, p Partition, row *changelog.Row, batch uint64, j *changelog.Journal) error {
	if err := j.Decode(row.Value); err != nil {
		return err
	}
	record, err := changelog.Told(j.Record)
	if err != nil {
		return err
	}
	return r.Memory.Journal(ctx, pipeline.Journal{Exists: true, Filled: true, Bounds: j.Bounds(p.Partition, batch), Facts: j.Facts, Record: record})
}

// atRest is a row as it holds without what a budget gave and nobody collected: those
// who wait for budgets are to be looked at again.
func (r *run) atRest(p Partition, row *changelog.Row) *changelog.Row {
	if p.Topic == r.Credits && row.Kind == changelog.KindQueue && row.Key == reward.QueueBudgets {
		again := *row
		again.Rank = 0
		return &again
	}
	return row
}

// assembled is a value and the pieces that were appended to it since it was set.
type assembled struct {
	key  string
	set  uint64 // the batch that set or deleted it
	data []byte // nil when there is nothing
}

func (v *assembled) add(row *changelog.Row, batch uint64) {
	switch {
	case row.Piece == 0:
		*v = assembled{key: row.Key, set: batch}
		if !row.Gone {
			v.data = append([]byte{}, row.Value...)
		}
	case row.Piece >= v.set || v.key != row.Key:
		if v.key != row.Key {
			*v = assembled{key: row.Key}
		}
		v.data = append(v.data, row.Value...)
	}
}

// clicks makes the memory of clicks anew: of their rows, and for the last batch, whose
// rows may not be there yet, of its journal.
func (r *run) clicks(ctx context.Context, p Partition, directory []byte, last []pipeline.KeyValue) error {
	retracing, err := recall.Retrace(directory)
	if err != nil {
		return err
	}
	from, ok := retracing.From()
	if !ok {
		return nil
	}
	keys := retracing.Keys()
	for len(keys) > 0 { // what a run that was cut off appended
		n := min(len(keys), atOnce)
		if err := r.Memory.Delete(ctx, p.Partition, keys[:n]); err != nil {
			return err
		}
		keys = keys[n:]
	}
	b := batchOfClicks{run: r, partition: p.Partition, retracing: retracing}
	if err := r.Changelog.Clicks(ctx, p.Partition, from, p.Number-1, func(at int64, s *clicks) error { return b.add(ctx, at, s) }); err != nil {
		return err
	}
	if err := b.flush(ctx); err != nil || len(last) == 0 {
		return err
	}
	return r.Memory.Append(ctx, p.Partition, last)
}

// accounts are kept together for all partitions: as many as budgets have periods.
type account struct {
	used  int64
	drawn map[pipeline.Partition]uint64
}

// budgets makes anew what partitions drew on budgets, and who waits for them.
func (r *run) budgets(ctx context.Context) error {
	again := make(map[pipeline.Partition]uint64) // the batch that is carried out once more
	for _, p := range r.Plan.Partitions {
		if !p.Complete {
			again[p.Partition] = p.Number
		}
	}
	accounts := make(map[string]*account)
	err := r.Changelog.Under(ctx, r.Credits, changelog.KindValue, reward.AccountKey(""), func(p pipeline.Partition, row *changelog.Row) error {
		r.told(1)
		var a reward.Account
		if err := a.Decode(row.Value); err != nil {
			return err
		}
		name, _ := reward.AccountAt(row.Key)
		of := accounts[name]
		if of == nil {
			of = &account{drawn: make(map[pipeline.Partition]uint64)}
			accounts[name] = of
		}
		of.used += a.Taken
		if a.Drawn > 0 {
			of.drawn[p] = a.Drawn
		}
		if again[p] == a.Drawn { // and gives back what it has not, or may not have
			of.used += a.Gives
		}
		return nil
	})
	if err != nil {
		return err
	}
	for name, a := range accounts {
		if a.used < 0 {
			return fmt.Errorf("the rewards of all partitions have %s of budget %s: %w", strconv.FormatInt(a.used, 10), name, ErrIncomplete)
		}
		if err := r.Memory.Budget(ctx, name, a.used, a.drawn); err != nil {
			return err
		}
	}
	return r.Changelog.Under(ctx, r.Credits, changelog.KindQueue, reward.QueueAccounts, func(p pipeline.Partition, row *changelog.Row) error {
		r.told(1)
		c, ok := reward.ClaimantOf(pipeline.QueueMember{Key: row.Key, Member: row.Member, Rank: row.Rank})
		if !ok {
			return fmt.Errorf("%q waits for a budget, and cannot be read", row.Member)
		}
		return r.Memory.Wait(ctx, p, []pipeline.Draw{{Budget: c.Account, Amount: c.Amount, Time: c.Time, Reward: c.Reward, Ref: c.Ref}})
	})
}
