package volatile

import (
	"bytes"
	"context"
	"fmt"

	"github.com/grapevinehq/grapevine/pipeline"
)

// Memory is one partition under one fence.
type Memory struct {
	store     *Store
	own       *partition
	partition pipeline.Partition
	name      string
	fence     fence
}

var _ pipeline.Memory = (*Memory)(nil)

// Get implements pipeline.Memory.
func (m *Memory) Get(_ context.Context, keys []string) ([][]byte, error) {
	m.store.mutex.Lock()
	defer m.store.mutex.Unlock()
	values := make([][]byte, len(keys))
	for i, key := range keys {
		values[i] = bytes.Clone(m.own.values[key])
	}
	return values, nil
}

// Tails implements pipeline.Memory.
func (m *Memory) Tails(_ context.Context, asks []pipeline.TailAsk) ([][]byte, error) {
	m.store.mutex.Lock()
	defer m.store.mutex.Unlock()
	return Tails(m.own.values, asks), nil
}

// Tails copies the ends of values, nil where there is none.
func Tails(values map[string][]byte, asks []pipeline.TailAsk) [][]byte {
	tails := make([][]byte, len(asks))
	for i, ask := range asks {
		if value := values[ask.Key]; len(value) > ask.From {
			tails[i] = bytes.Clone(value[ask.From:])
		}
	}
	return tails
}

// Begin implements pipeline.Memory.
func (m *Memory) Begin(_ context.Context, b pipeline.Bounds, facts []byte) (pipeline.Journal, error) {
	m.store.mutex.Lock()
	defer m.store.mutex.Unlock()
	if err := m.ordered("begin", b, m.own.filled); err != nil {
		return pipeline.Journal{}, err
	}
	standing := &m.own.journal
	if standing.Bounds.Number != b.Number {
		if b.Number == m.own.filled { // the begin record of the next stands
			return pipeline.Journal{}, m.refused("begin", b, pipeline.ErrFenced)
		}
		*standing = copied(pipeline.Journal{Exists: true, Bounds: b, Facts: facts})
	}
	return copied(*standing), nil
}

// Fill implements pipeline.Memory.
func (m *Memory) Fill(_ context.Context, b pipeline.Bounds, facts, record []byte, writes pipeline.Writes) (pipeline.Journal, error) {
	m.store.mutex.Lock()
	defer m.store.mutex.Unlock()
	if err := m.ordered("journal", b, m.own.filled); err != nil {
		return pipeline.Journal{}, err
	}
	standing := &m.own.journal
	begun := standing.Exists && !standing.Filled
	switch {
	case standing.Filled && standing.Bounds.Number == b.Number:
		return copied(*standing), nil
	case b.Number == m.own.filled, begun && standing.Bounds != b:
		return pipeline.Journal{}, m.refused("journal", b, pipeline.ErrFenced)
	case m.own.claimed > 0 && m.own.claimed != b.Number:
		return pipeline.Journal{}, fmt.Errorf("journal batch %d of %s: it claimed nothing, though batch %d did", b.Number, m.partition, m.own.claimed)
	case begun:
		facts = standing.Facts
	}
	*standing = copied(pipeline.Journal{Exists: true, Filled: true, Bounds: b, Facts: facts, Record: record})
	m.own.filled = b.Number
	m.own.write(writes)
	return copied(*standing), nil
}

// write changes the partition's own memory.
func (own *partition) write(writes pipeline.Writes) {
	for _, key := range writes.Delete {
		delete(own.values, key)
		delete(own.queues, key)
	}
	for _, w := range writes.Set {
		own.values[w.Key] = append([]byte{}, w.Value...)
	}
	for _, w := range writes.Append {
		own.values[w.Key] = append(own.values[w.Key], w.Value...)
	}
	own.queue(writes)
}

// ApplyShared implements pipeline.Memory.
func (m *Memory) ApplyShared(_ context.Context, b pipeline.Bounds, sets []pipeline.SharedSet) error {
	m.store.mutex.Lock()
	defer m.store.mutex.Unlock()
	if err := m.ordered("share", b, m.own.shared); err != nil {
		return err
	}
	if m.own.shared == b.Number {
		return nil
	}
	m.own.shared = b.Number
	for _, s := range sets {
		fields := m.store.shared[s.Key]
		switch {
		case s.Value == nil:
			delete(fields, s.Field)
			continue
		case fields == nil:
			fields = map[string][]byte{}
			m.store.shared[s.Key] = fields
		}
		fields[s.Field] = bytes.Clone(s.Value)
	}
	return nil
}

// Claim implements pipeline.Memory.
func (m *Memory) Claim(_ context.Context, b pipeline.Bounds, claims []pipeline.Claim) ([]pipeline.Claimed, error) {
	m.store.mutex.Lock()
	defer m.store.mutex.Unlock()
	if err := m.ordered("claim", b, m.own.claimed); err != nil {
		return nil, err
	}
	m.own.claimed = b.Number
	answers := make([]pipeline.Claimed, len(claims))
	for i, c := range claims {
		id, caller := pipeline.NewClaimID(c.Key), owner{m.name, c.Offset}
		stands, claimed := m.store.owners[id]
		if !claimed && !c.Peek {
			m.store.owners[id] = caller
		}
		switch {
		case claimed && stands != caller:
		case m.store.released[id]:
			answers[i] = pipeline.ClaimWonUnlessOld
		default:
			answers[i] = pipeline.ClaimWon
		}
	}
	return answers, nil
}

// Release implements pipeline.Memory. What was released is known without a doubt.
func (m *Memory) Release(_ context.Context, b pipeline.Bounds, owned []pipeline.Owned) error {
	m.store.mutex.Lock()
	defer m.store.mutex.Unlock()
	if err := m.ordered("release for", b, m.own.claimed); err != nil {
		return err
	}
	if b.Number != m.own.claimed {
		return m.refused("release for", b, pipeline.ErrStateLost)
	}
	for _, o := range owned {
		if m.store.owners[o.ID] == (owner{m.name, o.Offset}) {
			delete(m.store.owners, o.ID)
			m.store.released[o.ID] = true
		}
	}
	return nil
}

// ordered refuses an older fence, and a batch that is neither the recorded one
// nor the next.
func (m *Memory) ordered(what string, b pipeline.Bounds, last uint64) error {
	switch {
	case m.fence.behind(m.own.fence), b.Number < last:
		return m.refused(what, b, pipeline.ErrFenced)
	case b.Number > last+1:
		return m.refused(what, b, pipeline.ErrStateLost)
	}
	return nil
}

func (m *Memory) refused(what string, b pipeline.Bounds, why error) error {
	return fmt.Errorf("%s batch %d of %s: %w", what, b.Number, m.partition, why)
}
