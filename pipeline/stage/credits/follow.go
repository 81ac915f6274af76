package credits

import (
	"cmp"
	"fmt"
	"slices"

	"github.com/grapevinehq/grapevine/pipeline"
	"github.com/grapevinehq/grapevine/pipeline/event"
	"github.com/grapevinehq/grapevine/pipeline/reward"
)

// The verdicts on a record of referral.credits.
const (
	verdictTaken    byte = 1
	verdictRepeated byte = 2
	verdictInvalid  byte = 3
	verdictPassed   byte = 4 // of records of earlier releases: what rewards did not act on
)

// task is one input of a ledger: a record of the batch, or what is due by the clock.
type task struct {
	index  int // of the record; [clock] for none
	taking *reward.Taking
	known  bool // the books say that it was taken before
}

// clock is the index of what no record of the batch caused.
const clock = -1

// following takes a batch's inputs, those of a ledger in order, what is due by the
// clock first. Ledgers do not touch each other: one that needs something waits
// alone, so that a round of answers serves all.
type following struct {
	tasks   []*task // in the order that their events are told
	waiting [][]*task
	places  map[reward.Person]int
	drawing []drawing // that advance returned, in this order
}

// drawing is what one task has to draw.
type drawing struct {
	task  *task
	draws []pipeline.Draw
}

func follow() *following { return &following{places: map[reward.Person]int{}} }

// add puts a task at the end of its ledger.
func (f *following) add(p reward.Person, t *task) {
	place, ok := f.places[p]
	if !ok {
		place = len(f.waiting)
		f.places[p] = place
		f.waiting = append(f.waiting, nil)
	}
	f.waiting[place] = append(f.waiting[place], t)
	f.tasks = append(f.tasks, t)
}

// record adds the taking of a record.
func (f *following) record(l *reward.Ledgers, index int, in *event.Inbound) {
	id, t := fmt.Sprint(index), &task{index: index}
	switch in.Type {
	case event.TypeMemberChanged:
		t.taking = l.TakeChange(id, in.Changed)
	case event.TypeMemberClicked:
		t.taking = l.TakeClick(id, in.Clicked)
	case event.TypeRewardDecided:
		t.taking = l.TakeDecision(id, in.Decision)
	default:
		t.taking = l.TakeCredit(id, &in.Credit)
	}
	f.add(reward.Person{OrgID: in.OrgID(), ID: in.BeneficiaryID()}, t)
}

// clocked adds what is due by the clock.
func (f *following) clocked(t *reward.Taking) { f.add(t.Person(), &task{index: clock, taking: t}) }

// advance takes inputs until each ledger is done or needs something, and returns
// all that is needed. Draws come in the order of the records that they are for,
// whatever else the batch holds: which records stand between them, that draw
// nothing, does not decide who is first.
func (f *following) advance() reward.Needs {
	var all reward.Needs
	f.drawing = f.drawing[:0]
	for place, q := range f.waiting {
		for len(q) > 0 {
			var needs reward.Needs
			if !q[0].known {
				needs = q[0].taking.Advance()
			}
			if needs.None() {
				q = q[1:]
				continue
			}
			all.Keys = append(all.Keys, needs.Keys...)
			all.Queues = append(all.Queues, needs.Queues...)
			if len(needs.Draws) > 0 {
				f.drawing = append(f.drawing, drawing{q[0], needs.Draws})
			}
			break
		}
		f.waiting[place] = q
	}
	slices.SortStableFunc(f.drawing, func(a, b drawing) int { return cmp.Compare(a.task.index, b.task.index) })
	for _, d := range f.drawing {
		all.Draws = append(all.Draws, d.draws...)
	}
	return all
}

// answer takes the answers to the draws that advance returned, in their order.
func (f *following) answer(drawn []pipeline.Drawn) {
	for _, d := range f.drawing {
		n := len(d.draws)
		d.task.taking.Answer(drawn[:n:n])
		drawn = drawn[n:]
	}
}

// first are the keys that the tasks name themselves.
func (f *following) first() []string {
	var keys []string
	for _, t := range f.tasks {
		keys = append(keys, t.taking.Advance().Keys...)
	}
	return keys
}

// done tells whether every ledger is.
func (f *following) done() bool {
	for _, q := range f.waiting {
		if len(q) > 0 {
			return false
		}
	}
	return true
}

// verdict is that on a task that was taken.
func (t *task) verdict() byte {
	if t.known || t.taking.Repeated {
		return verdictRepeated
	}
	return verdictTaken
}

// verdictName is a verdict for the metrics.
func verdictName(v byte) string {
	switch v {
	case verdictTaken:
		return "taken"
	case verdictRepeated:
		return "redelivered"
	case verdictPassed:
		return "passed"
	default:
		return "invalid"
	}
}
