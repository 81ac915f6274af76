package volatile

import (
	"bytes"
	"context"
	"fmt"
	"maps"
	"math"
	"slices"
	"strings"
	"sync"

	"github.com/grapevinehq/grapevine/pipeline"
)

// Store is what outlives the workers. Many goroutines may use it.
type Store struct {
	mutex      sync.Mutex
	partitions map[string]*partition
	owners     map[pipeline.ClaimID]owner
	released   map[pipeline.ClaimID]bool // claims of before
	shared     map[string]map[string][]byte
	budgets    map[string]*budget
}

// New returns an empty store.
func New() *Store {
	return &Store{
		partitions: map[string]*partition{}, owners: map[pipeline.ClaimID]owner{}, released: map[pipeline.ClaimID]bool{},
		shared: map[string]map[string][]byte{}, budgets: map[string]*budget{},
	}
}

// partition is what lies in the slot group of one partition.
type partition struct {
	fence   fence
	journal pipeline.Journal
	filled  uint64 // the number of the last filled batch
	claimed uint64 // of the last batch that claimed
	shared  uint64 // of the last batch that shared
	values  map[string][]byte
	queues  map[string]*queue
}

// owner is who claimed an id.
type owner struct {
	partition string
	offset    int64
}

// fence orders the workers of a partition.
type fence struct {
	era        int
	generation int32
}

func (f fence) behind(other fence) bool {
	return f.era < other.era || f.era == other.era && f.generation < other.generation
}

func nameOf(p pipeline.Partition) string { return fmt.Sprintf("%s/%d", p.Incarnation, p.ID) }

// TakeOver raises the fence of a partition to the generation and returns its
// journal. A higher generation that stands is asked about: when confirm returns
// nil the takeover is repeated in the next era.
func (s *Store) TakeOver(ctx context.Context, p pipeline.Partition, generation int32, confirm func(context.Context) error) (pipeline.Memory, pipeline.Journal, error) {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	name := nameOf(p)
	own := s.partitions[name]
	if own == nil {
		own = &partition{fence: fence{generation: -1}, values: map[string][]byte{}, queues: map[string]*queue{}}
		s.partitions[name] = own
	}
	next := fence{own.fence.era, generation}
	if next.behind(own.fence) {
		if err := confirm(ctx); err != nil {
			return nil, pipeline.Journal{}, fmt.Errorf("take over %s: %w", p, err)
		}
		next.era++
	}
	own.fence = next
	return &Memory{store: s, own: own, partition: p, name: name, fence: next}, copied(own.journal), nil
}

// CheckShared finds all slot groups in order.
func (s *Store) CheckShared(context.Context, pipeline.Partition, uint64) error { return nil }

// String tells all that is remembered, but for fences and numbers: two runs that
// came to the same end have equal ones.
func (s *Store) String() string {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	var b strings.Builder
	for _, name := range slices.Sorted(maps.Keys(s.partitions)) {
		own := s.partitions[name]
		for _, key := range slices.Sorted(maps.Keys(own.values)) {
			fmt.Fprintf(&b, "%s %s = %q\n", name, key, own.values[key])
		}
		for _, key := range slices.Sorted(maps.Keys(own.queues)) {
			fmt.Fprintf(&b, "%s %s: %v\n", name, key, own.queues[key].heads(pipeline.QueueAsk{Key: key, UpTo: math.MaxInt64, Limit: math.MaxInt}))
		}
	}
	byBytes := func(a, b pipeline.ClaimID) int { return bytes.Compare(a[:], b[:]) }
	for _, id := range slices.SortedFunc(maps.Keys(s.owners), byBytes) {
		fmt.Fprintf(&b, "claim %x by %s@%d\n", id, s.owners[id].partition, s.owners[id].offset)
	}
	for _, id := range slices.SortedFunc(maps.Keys(s.released), byBytes) {
		fmt.Fprintf(&b, "claim %x of long ago\n", id)
	}
	for _, key := range slices.Sorted(maps.Keys(s.shared)) {
		for _, field := range slices.Sorted(maps.Keys(s.shared[key])) {
			fmt.Fprintf(&b, "shared %s %s = %q\n", key, field, s.shared[key][field])
		}
	}
	for _, name := range slices.Sorted(maps.Keys(s.budgets)) {
		fmt.Fprintf(&b, "budget %s: %s\n", name, s.budgets[name])
	}
	return b.String()
}

func copied(j pipeline.Journal) pipeline.Journal {
	j.Facts, j.Record = bytes.Clone(j.Facts), bytes.Clone(j.Record)
	return j
}
