package backtest

import (
	"cmp"
	"container/heap"
	"context"
	"math"
	"slices"

	"github.com/grapevinehq/grapevine/pipeline/event"
)

// kind orders what happens at one time.
type kind int

const (
	ofMembers kind = iota
	ofClicks
	ofConversions // and all else of their topic
	ofCredits     // as they were taken
	ofLedgers     // what no row tells when it was taken
	ofPeople      // their decisions
)

// step is a batch that is to be worked.
type step struct {
	at   int64
	kind kind
	nth  int // in which it was planned
	work func(context.Context) error
}

// steps is a heap.
type steps []*step

func (s steps) Len() int { return len(s) }
func (s steps) Less(i, j int) bool {
	return cmp.Or(cmp.Compare(s[i].at, s[j].at), cmp.Compare(s[i].kind, s[j].kind), cmp.Compare(s[i].nth, s[j].nth)) < 0
}
func (s steps) Swap(i, j int) { s[i], s[j] = s[j], s[i] }

// Push implements heap.Interface.
func (s *steps) Push(x any) { *s = append(*s, x.(*step)) }

// Pop implements heap.Interface.
func (s *steps) Pop() any {
	last := (*s)[len(*s)-1]
	(*s)[len(*s)-1] = nil
	*s = (*s)[:len(*s)-1]
	return last
}

// schedule is the order in which batches are worked: that in which they were.
type schedule struct {
	steps   steps
	planned int
	// takings are the batches that took credits, by partition and in its order: the
	// order of a partition goes before that of the clock.
	takings map[part][]*taking
	// deciding counts the batches of conversions that are planned, by when they were
	// read. What was read from unknown on is not planned yet.
	deciding map[int64]int
	unknown  int64
}

// part is one partition, of the topic as it was made once.
type part struct {
	incarnation string
	id          int
}

func partOf(o *Origin) part { return part{o.Incarnation, o.Partition} }

// taking is a batch of credits. It is ready when all are there that it took.
type taking struct {
	CreditBatch
	decided []int64 // when the batches were read that decided its credits
	credits []*placed
}

// placed is a record for a ledger, and its place in the batch that took it.
type placed struct {
	ledger string
	offset int64
	record event.Record
	moved  bool // to a batch
}

// tail is where the last records for a ledger are planned: in a batch, or by
// themselves at a time. The next one goes behind them.
type tail struct {
	taking *taking
	offset int64
	at     int64
	loose  []*placed
}

func newSchedule() *schedule {
	return &schedule{takings: map[part][]*taking{}, deciding: map[int64]int{}, unknown: math.MinInt64}
}

func (s *schedule) plan(at int64, k kind, work func(context.Context) error) {
	s.planned++
	heap.Push(&s.steps, &step{at, k, s.planned, work})
}

// next takes what is to be worked next, before a time: a step or a taking, or else
// neither.
func (s *schedule) next(before int64) (*step, *taking) {
	var first *taking
	var of part
	for p, list := range s.takings {
		if len(list) == 0 || !s.ready(list[0]) {
			continue
		}
		if t := list[0]; first == nil || cmp.Or(cmp.Compare(t.At, first.At), cmp.Compare(t.Partition, first.Partition), cmp.Compare(t.Batch, first.Batch)) < 0 {
			first, of = t, p
		}
	}
	if first != nil && first.At < before && (len(s.steps) == 0 || first.At < s.steps[0].at || first.At == s.steps[0].at && s.steps[0].kind > ofCredits) {
		s.takings[of] = s.takings[of][1:]
		return nil, first
	}
	if len(s.steps) > 0 && s.steps[0].at < before {
		return heap.Pop(&s.steps).(*step), nil
	}
	return nil, nil
}

// ready tells whether every conversion is decided whose credits a batch took.
func (s *schedule) ready(t *taking) bool {
	for len(t.decided) > 0 && s.deciding[t.decided[0]] == 0 {
		t.decided = t.decided[1:]
	}
	return len(t.decided) == 0 && t.LastDecided < s.unknown
}

// decides notes that a batch of conversions is done, or with 1 that one is planned.
func (s *schedule) decides(at int64, by int) {
	if s.deciding[at] += by; s.deciding[at] == 0 {
		delete(s.deciding, at)
	}
}

// arrange puts planned batches of credits in the order of their partitions.
func (s *schedule) arrange(list []*taking) {
	slices.SortFunc(list, func(a, b *taking) int { return cmp.Or(cmp.Compare(a.At, b.At), cmp.Compare(a.Batch, b.Batch)) })
	for _, t := range list {
		p := partOf(&t.Origin)
		s.takings[p] = append(s.takings[p], t)
	}
}
