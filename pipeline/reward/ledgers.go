package reward

import (
	"fmt"
	"slices"
	"strings"

	"github.com/grapevinehq/grapevine/pipeline"
	"github.com/grapevinehq/grapevine/pipeline/program"
)

// Batch is what ledgers know of the batch that is worked on them.
type Batch struct {
	Number   uint64
	Time     int64  // ms since the epoch
	Revision string // of the catalog
}

// Ledgers are the parts of ledgers that a batch works on: values and queues are
// loaded by key, inputs are taken, and what changed is handed back. A value that
// is not there is loaded too, as nil.
type Ledgers struct {
	rules   *Rules
	catalog *program.Catalog
	batch   Batch
	clicks  map[Person]int64 // unique clicks, as the books tell them

	lifetimes cells[Lifetime]
	entries   cells[Entry]
	tallies   cells[Tally]
	steps     cells[TierHeld]
	chains    cells[Chain]
	members   cells[Member]
	grants    cells[Grants]
	limits    cells[LimitSum]
	accounts  cells[Account]
	revisions cells[Revision]
	queues    queues
	freed     map[string]int64 // what accounts get back, by name
}

// Person is somebody whose ledger it is.
type Person struct{ OrgID, ID string }

// NewLedgers returns a working set with nothing loaded.
func NewLedgers(rules *Rules, batch Batch) *Ledgers {
	return &Ledgers{
		rules: rules, catalog: rules.catalog, batch: batch, clicks: map[Person]int64{},
		lifetimes: cells[Lifetime]{}, entries: cells[Entry]{}, tallies: cells[Tally]{}, steps: cells[TierHeld]{}, chains: cells[Chain]{},
		members: cells[Member]{}, grants: cells[Grants]{}, limits: cells[LimitSum]{}, accounts: cells[Account]{},
		revisions: cells[Revision]{}, queues: queues{}, freed: map[string]int64{},
	}
}

// Load takes the stored value of a key that [Needs] named; nil when there is
// none. A key that is loaded already keeps what it has.
func (l *Ledgers) Load(key string, data []byte) error {
	var err error
	switch key[0] {
	case 's':
		err = l.lifetimes.load(key, data)
	case 'c':
		err = l.entries.load(key, data)
	case 't':
		err = l.tallies.load(key, data)
	case 'r':
		err = l.steps.load(key, data)
	case 'b':
		err = l.chains.load(key, data)
	case 'm':
		err = l.members.load(key, data)
	case 'g':
		err = l.grants.load(key, data)
	case 'l':
		err = l.limits.load(key, data)
		if sum := l.limits.read(key); err == nil && sum.Waiting == 0 {
			l.queues.of(waitingAt(key)).whole = true
		}
	case 'u':
		err = l.accounts.load(key, data)
	case 'v':
		err = l.revisions.load(key, data)
	default:
		err = fmt.Errorf("no such kind of value")
	}
	if err != nil {
		return fmt.Errorf("load ledger value %q: %w", key, err)
	}
	return nil
}

// LoadQueue takes the answer to an ask of [Needs].
func (l *Ledgers) LoadQueue(ask pipeline.QueueAsk, members []pipeline.QueueMember) {
	l.queues.load(ask, members)
}

// LoadClicks takes how many unique clicks a member has in their org.
func (l *Ledgers) LoadClicks(p Person, n int64) { l.clicks[p] = n }

// Writes are the values that inputs changed, and the queues, by key.
func (l *Ledgers) Writes() (pipeline.Writes, error) {
	var w pipeline.Writes
	for _, collect := range []func(*pipeline.Writes) error{
		l.lifetimes.writes, l.entries.writes, l.tallies.writes, l.steps.writes, l.chains.writes,
		l.members.writes, l.grants.writes, l.limits.writes, l.accounts.writes, l.revisions.writes,
	} {
		if err := collect(&w); err != nil {
			return pipeline.Writes{}, err
		}
	}
	slices.SortFunc(w.Set, func(a, b pipeline.KeyValue) int { return strings.Compare(a.Key, b.Key) })
	l.queues.writes(&w)
	return w, nil
}

// cells are the loaded values of one kind.
type cells[T any] map[string]*cell[T]

type cell[T any] struct {
	value   T
	changed bool
}

func (c cells[T]) load(key string, data []byte) error {
	if _, ok := c[key]; ok {
		return nil
	}
	loaded := new(cell[T])
	if data != nil {
		if err := decode(data, &loaded.value); err != nil {
			return err
		}
	}
	c[key] = loaded
	return nil
}

// want adds a key that is not loaded to missing.
func (c cells[T]) want(missing []string, key string) []string {
	if _, ok := c[key]; ok {
		return missing
	}
	return append(missing, key)
}

// read returns a loaded value, nil when it is not loaded.
func (c cells[T]) read(key string) *T {
	if loaded, ok := c[key]; ok {
		return &loaded.value
	}
	return nil
}

// write returns a loaded value that is about to change.
func (c cells[T]) write(key string) *T {
	loaded := c[key]
	loaded.changed = true
	return &loaded.value
}

func (c cells[T]) writes(w *pipeline.Writes) error {
	for key, loaded := range c {
		if !loaded.changed {
			continue
		}
		data, err := encode(&loaded.value)
		if err != nil {
			return fmt.Errorf("encode ledger value %q: %w", key, err)
		}
		w.Set = append(w.Set, pipeline.KeyValue{Key: key, Value: data})
	}
	return nil
}
