package archive

import (
	"context"
	"fmt"

	"github.com/grapevinehq/grapevine/pipeline"
)

// Moves is what a batch moves to the archive: a part of its record.
type Moves struct {
	From   uint64  `cbor:"1,keyasint"` // the lists of batches From to Next - 1 are done with
	Next   uint64  `cbor:"2,keyasint"`
	NextAt int64   `cbor:"3,keyasint"` // time of the list of Next, or an earlier one
	Values []Value `cbor:"4,keyasint,omitempty"`
	Gone   []Gone  `cbor:"5,keyasint,omitempty"`
}

// Value is one value that moves, as its stage wrote it.
type Value struct {
	Key  string `cbor:"1,keyasint"`
	Data []byte `cbor:"2,keyasint"`
}

// Gone is one value that leaves the memory for nowhere. What it was is known to
// whoever planned it, and stands in no record.
type Gone struct {
	Key  string `cbor:"1,keyasint"`
	Data []byte `cbor:"-"`
}

// A batch reads at most so many lists, in so many calls.
const (
	listsAtOnce = 64
	readsAtMost = 4
)

// Due tells whether a batch at this time, in milliseconds since the epoch, would
// move anything.
func (a *Archive) Due(now int64) bool { return !a.directory.empty() && a.old(a.directory.FirstAt, now) }

func (a *Archive) old(at, now int64) bool { return at+a.options.Hot().Milliseconds() <= now }

// Plan finds what a batch moves: the values of the oldest lists, as long as those
// are old enough, and of no further list once there are most.
func (a *Archive) Plan(ctx context.Context, b pipeline.Bounds, most int) (Moves, error) {
	m := Moves{From: a.directory.First, Next: a.directory.First, NextAt: a.directory.FirstAt}
	if !a.Due(b.Time) {
		return m, nil
	}
	var listed []listing
	for range readsAtMost {
		more, err := a.readLists(ctx, &m, b.Time, most, &listed)
		if err != nil {
			return Moves{}, fmt.Errorf("read the lists of hot values of %s: %w", a.partition, err)
		}
		if !more {
			break
		}
	}
	return m, a.readValues(ctx, &m, listed)
}

// listing is a key in the list of a batch.
type listing struct {
	number uint64
	key    string
}

// readLists passes the next lists that are old enough; more tells whether those
// after them may be, too.
func (a *Archive) readLists(ctx context.Context, m *Moves, now int64, most int, listed *[]listing) (more bool, err error) {
	names := make([]string, 0, listsAtOnce)
	for n := m.Next; n <= a.directory.Last && len(names) < listsAtOnce; n++ {
		names = append(names, listKey(n))
	}
	lists, err := a.memory.Get(ctx, names)
	if err != nil {
		return false, err
	}
	for _, list := range lists {
		if list != nil { // else the batch wrote nothing
			at, keys, err := decodeList(list)
			if err != nil {
				return false, fmt.Errorf("batch %d: %w", m.Next, err)
			}
			if m.NextAt = at; !a.old(at, now) || len(*listed) >= most {
				return false, nil
			}
			for _, key := range keys {
				*listed = append(*listed, listing{m.Next, key})
			}
		}
		m.Next++
	}
	return m.Next <= a.directory.Last, nil
}

// readValues reads the values that were listed and not written since.
func (a *Archive) readValues(ctx context.Context, m *Moves, listed []listing) error {
	keys := make([]string, len(listed))
	for i := range listed {
		keys[i] = listed[i].key
	}
	values, err := a.memory.Get(ctx, keys)
	if err != nil {
		return fmt.Errorf("read %d hot values of %s: %w", len(keys), a.partition, err)
	}
	for i, value := range values {
		if value == nil {
			continue // deleted since
		}
		number, data, err := unmark(value)
		if err != nil {
			return fmt.Errorf("%s: %w", keys[i], err)
		}
		switch {
		case number != listed[i].number: // it stands in a later list
		case a.options.Forgets != nil && a.options.Forgets(keys[i]):
			m.Gone = append(m.Gone, Gone{keys[i], data})
		default:
			m.Values = append(m.Values, Value{keys[i], data})
		}
	}
	return nil
}

// Write adds to what a batch writes: the values that it sets, those that may move
// one day under its mark and with its list, and what it moves. What it moves and
// sets stays hot.
func (a *Archive) Write(w *pipeline.Writes, b pipeline.Bounds, sets []pipeline.KeyValue, m *Moves) error {
	d := &a.directory
	before := *d
	for n := m.From; n < m.Next; n++ {
		w.Delete = append(w.Delete, listKey(n))
	}
	for i := range m.Values {
		w.Delete = append(w.Delete, m.Values[i].Key) // deletes go before sets
	}
	for i := range m.Gone {
		w.Delete = append(w.Delete, m.Gone[i].Key)
	}
	if m.From < m.Next {
		d.First, d.FirstAt = m.Next, m.NextAt
		d.Moved = d.Moved || len(m.Values) > 0
	}
	if keys := a.set(w, b, sets); len(keys) > 0 {
		w.Set = append(w.Set, pipeline.KeyValue{Key: listKey(b.Number), Value: encodeList(b.Time, keys)})
		if d.empty() {
			d.First, d.FirstAt = b.Number, b.Time
		}
		d.Last = b.Number
	}
	if *d == before && m.From == m.Next {
		return nil
	}
	value, err := d.encode()
	if err != nil {
		return fmt.Errorf("encode the directory of hot values: %w", err)
	}
	w.Set = append(w.Set, pipeline.KeyValue{Key: directoryKey, Value: value})
	return nil
}

// set adds the values, and returns the keys of those that are marked.
func (a *Archive) set(w *pipeline.Writes, b pipeline.Bounds, sets []pipeline.KeyValue) (marked []string) {
	for _, v := range sets {
		if a.options.Moves(v.Key) {
			marked = append(marked, v.Key)
			v.Value = mark(b.Number, v.Value)
		}
		w.Set = append(w.Set, v)
	}
	return marked
}

// Block are the rows of what a batch moves; no rows, no block.
func (m *Moves) Block(b pipeline.Bounds) []pipeline.Block {
	n := len(m.Values)
	if n == 0 {
		return nil
	}
	topics, partitions, offsets := make([]string, n), make([]int32, n), make([]int64, n)
	keys, values := make([]string, n), make([]string, n)
	for i := range m.Values {
		topics[i], partitions[i], offsets[i] = b.Partition.Topic, int32(b.Partition.ID), b.First-1 //nolint:gosec // Kafka counts partitions in 32 bits
		keys[i], values[i] = m.Values[i].Key, string(m.Values[i].Data)
	}
	return []pipeline.Block{{Table: Table, Rows: n, Columns: []pipeline.Column{
		{Name: "kafka_topic", Data: topics},
		{Name: "kafka_partition", Data: partitions},
		{Name: "kafka_offset", Data: offsets},
		{Name: "key", Data: keys},
		{Name: "value", Data: values},
	}}}
}
