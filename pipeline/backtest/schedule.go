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
	// takings are the batches that took credits, in their order: one that is not ready
	// keeps those back that were read after it.
	takings []*taking
	// deciding counts the batches that are planned and that ledgers hear of, by when
	// they were read. What was read from unknown on is not planned yet.
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
	decided []int64 // when the batches were read that its records follow from
	credits []*placed
}

// follows notes that a record of a batch follows from one that was read at a time.
func (t *taking) follows(at int64) {
	if !slices.Contains(t.decided, at) {
		t.decided = append(t.decided, at)
	}
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
	return &schedule{deciding: map[int64]int{}, unknown: math.MinInt64}
}

func (s *schedule) plan(at int64, k kind, work func(context.Context) error) {
	s.planned++
	heap.Push(&s.steps, &step{at, k, s.planned, work})
}

// next takes what is to be worked next, before a time: a step or a taking, or else
// neither.
func (s *schedule) next(before int64) (*step, *taking) {
	if len(s.takings) > 0 {
		t := s.takings[0]
		first := len(s.steps) == 0 || t.At < s.steps[0].at || t.At == s.steps[0].at && s.steps[0].kind > ofCredits
		if first && t.At < before && s.ready(t) {
			s.takings = s.takings[1:]
			return nil, t
		}
	}
	if len(s.steps) > 0 && s.steps[0].at < before {
		return heap.Pop(&s.steps).(*step), nil
	}
	return nil, nil
}

// ready tells whether all is decided that a batch took.
func (s *schedule) ready(t *taking) bool {
	for len(t.decided) > 0 && s.deciding[t.decided[0]] == 0 {
		t.decided = t.decided[1:]
	}
	return len(t.decided) == 0 && t.LastDecided < s.unknown
}

// decide plans a batch that ledgers hear of, read at one time and worked at another.
func (s *schedule) decide(read, at int64, k kind, work func(context.Context) error) {
	s.deciding[read]++
	s.plan(at, k, func(ctx context.Context) error {
		if s.deciding[read]--; s.deciding[read] == 0 {
			delete(s.deciding, read)
		}
		return work(ctx)
	})
}

// arrange puts batches of credits behind those that are planned already.
func (s *schedule) arrange(list []*taking) {
	slices.SortFunc(list, func(a, b *taking) int { return before(&a.Origin, &b.Origin) })
	s.takings = append(s.takings, list...)
}
