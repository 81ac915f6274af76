package reward

import (
	"fmt"

	"github.com/grapevinehq/grapevine/pipeline"
)

// Taking is one input on its way through its ledger, step by step. A step that
// needs something first, a value, a queue or a budget's answer, says so and changes
// nothing; it is taken again when that is there. Ledgers do not touch each other,
// so one round of answers serves all that wait.
type Taking struct {
	// Repeated means that the input, or a later one of its kind, was taken before:
	// nothing was changed.
	Repeated bool
	// Events are the reward events so far, of each reward in the order of its sequence.
	Events []Event
	// Passages are the segments entered and left.
	Passages []Passage

	ledgers *Ledgers
	id      string // tells its draws from those of others in the batch
	person  Person
	time    int64  // of its events, ms
	locale  string // of the beneficiary

	steps  []step // what is to do, the next one last
	needs  Needs
	drawn  []pipeline.Drawn // answers to what the step at hand drew
	draws  int              // how often steps drew
	answer bool             // drawn is there
}

// step does one thing. It is false when it needs something first: then it has
// changed nothing, and said in needs what.
type step func() bool

// Needs is what must be there before a taking goes on: values for
// [Ledgers.Load], queues for [Ledgers.LoadQueue], the answers to draws for
// [Taking.Answer].
type Needs struct {
	Keys   []string
	Queues []pipeline.QueueAsk
	Draws  []pipeline.Draw
}

// None tells whether nothing is needed.
func (n *Needs) None() bool {
	return len(n.Keys)+len(n.Queues)+len(n.Draws) == 0
}

// Advance takes steps until the input is done or needs something: none when it
// is done.
func (t *Taking) Advance() Needs {
	for len(t.steps) > 0 {
		last := len(t.steps) - 1
		next := t.steps[last]
		t.steps = t.steps[:last]
		t.needs = Needs{}
		if !next() {
			t.steps = append(t.steps[:last], next)
			return t.needs
		}
	}
	return Needs{}
}

// then makes a step the next one.
func (t *Taking) then(s step) { t.steps = append(t.steps, s) }

// lacks says which values must be loaded; true when there are any.
func (t *Taking) lacks(keys ...string) bool {
	t.needs.Keys = append(t.needs.Keys, keys...)
	return len(t.needs.Keys) > 0
}

// lacksQueue says which queue must be read.
func (t *Taking) lacksQueue(ask *pipeline.QueueAsk) bool {
	if ask != nil {
		t.needs.Queues = append(t.needs.Queues, *ask)
	}
	return ask != nil
}

// Answer takes the answers to the draws that were needed, in their order.
func (t *Taking) Answer(drawn []pipeline.Drawn) { t.drawn, t.answer = drawn, true }

// draw makes a step's draws on budgets: ok is false until they are answered. A
// step draws once, after all else that it needs and before it changes anything.
func (t *Taking) draw(draws ...pipeline.Draw) (drawn []pipeline.Drawn, ok bool) {
	switch {
	case len(draws) == 0:
		return nil, true
	case !t.answer:
		for i := range draws {
			draws[i].ID = fmt.Sprintf("%s/%d/%d", t.id, t.draws, i)
		}
		t.needs.Draws = draws
		return nil, false
	}
	drawn = t.drawn
	t.drawn, t.answer = nil, false
	t.draws++
	for i := range draws {
		t.ledgers.drew(draws[i].Budget)
	}
	return drawn, true
}
