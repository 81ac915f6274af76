package credits

import (
	"context"
	"maps"
	"slices"
	"testing"

	"pgregory.net/rapid"

	"github.com/grapevinehq/grapevine/internal/golden"
	"github.com/grapevinehq/grapevine/pipeline"
	"github.com/grapevinehq/grapevine/pipeline/event"
)

// press publishes what a partition's batches tell, an event at a time.
type press struct {
	*world
	waiting []event.Record // to be worked
	batch   pipeline.Outcome
	rows    []map[string]any // of the batch, each an event
	untold  []map[string]any // those not yet published
	working bool             // the batch is journalled and not done
}

// publication is what was published so far, over all partitions.
type publication struct {
	*cluster
	presses []*press
	told    map[string]standing // by reward: its latest event
	seen    map[string]bool     // events, by id
}

// Partitions work and publish as they please: whoever adds up what has been published
// at any moment, in whatever order messages of a batch arrive, comes to no more than
// the budgets.
func TestProperty_budgets_are_not_exceeded_by_what_is_published_at_any_moment(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		bounded, _ := bounds(t)
		p := publication{cluster: newCluster(t, bounded, rapid.IntRange(2, 3).Draw(t, "partitions")), told: map[string]standing{}, seen: map[string]bool{}}
		for _, w := range p.partitions {
			p.presses = append(p.presses, &press{world: w})
		}
		for _, cr := range interleaved(t, histories(t, rapid.IntRange(2, 9).Draw(t, "conversions"))) {
			p.press(cr.BeneficiaryID).receive(func(offset int64) event.Record { return recordOf(t, offset, cr) })
		}
		for p.step() {
		}
		if told := p.cluster.standings(); len(told) != len(p.told) {
			t.Fatalf("%d of %d rewards were told of", len(p.told), len(told))
		}
		p.holdsOnlyWhatDoesNotFit()
	})
}

func (p *publication) press(beneficiary string) *press {
	return p.presses[slices.Index(p.partitions, p.of(beneficiary))]
}

func (p *press) receive(record func(offset int64) event.Record) {
	p.offset++
	p.waiting = append(p.waiting, record(p.offset))
}

// step lets one partition do one thing; false when none has anything to do.
func (p *publication) step() bool {
	var busy []*press
	for _, one := range p.presses {
		if one.working || len(one.waiting) > 0 || one.overdue() {
			busy = append(busy, one)
		}
	}
	if len(busy) == 0 {
		return false
	}
	one := rapid.SampledFrom(busy).Draw(p.t, "partition")
	switch {
	case !one.working:
		one.begin(p.t)
		p.exceedsNothing() // the books have it before the topic
	case len(one.untold) == 0:
		succeed(p.t, one.memory.Give(context.Background(), one.bounds, one.batch.Gives))
		one.working = false
	case rapid.IntRange(0, 9).Draw(p.t, "crash") == 0:
		one.takeOver()
		one.untold = slices.Clone(one.rows) // the successor publishes all again
	default:
		p.publish(one)
	}
	if rapid.IntRange(0, 15).Draw(p.t, "decision") == 0 {
		p.decide()
	}
	return true
}

// overdue tells whether something is due by the clock.
func (p *press) overdue() bool { return p.due(golden.WrittenAt + 100*day) }

// begin works a batch, of records or of what is due, up to where it publishes.
func (p *press) begin(t *rapid.T) {
	n := len(p.waiting)
	if p.overdue() {
		n = rapid.IntRange(0, n).Draw(t, "records")
	} else if n > 1 {
		n = rapid.IntRange(1, n).Draw(t, "records")
	}
	records := p.waiting[:n:n]
	p.waiting = p.waiting[n:]
	p.bounds.Time = golden.WrittenAt + 100*day
	before := len(p.world.rows[TableRewards])
	p.batch = p.journal(records)
	p.keep(p.batch)
	p.rows = p.world.rows[TableRewards][before:]
	p.untold, p.working = slices.Clone(p.rows), true
}

// publish publishes an event: those of one beneficiary lie in one partition and keep
// their order, others do not.
func (p *publication) publish(one *press) {
	at := rapid.IntRange(0, len(one.untold)-1).Draw(p.t, "event")
	at = slices.IndexFunc(one.untold, func(row map[string]any) bool { return row["beneficiary_id"] == one.untold[at]["beneficiary_id"] })
	row := one.untold[at]
	one.untold = slices.Delete(one.untold, at, at+1)
	if id := row["event_id"].(string); !p.seen[id] { // else it was published before the crash
		p.seen[id] = true
		p.told[row["reward_id"].(string)] = standingOf(row)
		p.within(p.told)
	}
}

// decide lets a person take back some reward that was told of.
func (p *publication) decide() {
	if len(p.told) == 0 {
		return
	}
	row := p.told[rapid.SampledFrom(slices.Sorted(maps.Keys(p.told))).Draw(p.t, "reward")].row
	p.press(row["beneficiary_id"].(string)).receive(func(offset int64) event.Record { return decisionOf(p.t, offset, row, event.Reject) })
}
