package reward

import (
	"fmt"
	"slices"
	"strings"
)

// Ledgers are the parts of ledgers that a batch works on: values are loaded by
// key, credits are taken, and what changed is handed back. A value that is not
// there is loaded too, as nil.
type Ledgers struct {
	lifetimes cells[Lifetime]
	entries   cells[Entry]
	tallies   cells[Tally]
	steps     cells[TierHeld]
	chains    cells[Chain]
}

// NewLedgers returns a working set with nothing loaded.
func NewLedgers() *Ledgers {
	return &Ledgers{
		lifetimes: cells[Lifetime]{}, entries: cells[Entry]{}, tallies: cells[Tally]{},
		steps: cells[TierHeld]{}, chains: cells[Chain]{},
	}
}

// Value is one stored value of a ledger.
type Value struct {
	Key  string
	Data []byte
}

// Load takes the stored value of a key that [Ledgers.Wants] named; nil when
// there is none. A key that is loaded already keeps what it has.
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
	default:
		err = fmt.Errorf("no such kind of value")
	}
	if err != nil {
		return fmt.Errorf("load ledger value %q: %w", key, err)
	}
	return nil
}

// Changed returns the values that credits changed, by key.
func (l *Ledgers) Changed() ([]Value, error) {
	var values []Value
	for _, collect := range []func([]Value) ([]Value, error){
		l.lifetimes.changed, l.entries.changed, l.tallies.changed, l.steps.changed, l.chains.changed,
	} {
		var err error
		if values, err = collect(values); err != nil {
			return nil, err
		}
	}
	slices.SortFunc(values, func(a, b Value) int { return strings.Compare(a.Key, b.Key) })
	return values, nil
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

func (c cells[T]) changed(values []Value) ([]Value, error) {
	for key, loaded := range c {
		if !loaded.changed {
			continue
		}
		data, err := encode(&loaded.value)
		if err != nil {
			return nil, fmt.Errorf("encode ledger value %q: %w", key, err)
		}
		values = append(values, Value{Key: key, Data: data})
	}
	return values, nil
}
