package state_test

import (
	"context"
	"errors"
	"fmt"
	"testing"

	"pgregory.net/rapid"

	"github.com/grapevinehq/grapevine/internal/enginetest"
	"github.com/grapevinehq/grapevine/pipeline"
	"github.com/grapevinehq/grapevine/pipeline/state"
)

// fence is what a takeover leaves.
type fence struct{ era, generation int }

// worker is one that took the partition over, then.
type worker struct {
	fence  fence
	memory pipeline.Memory
}

// model is what a partition must do, whoever calls in whatever order.
type model struct {
	store   *state.Store
	p       pipeline.Partition
	workers []worker
	fence   fence
	last    uint64 // the last filled batch
	begun   bool   // batch last+1
	record  string // of batch last
	log     string // what the filled batches appended
}

// Workers take over, begin and fill in any order, with requests that arrive
// late: what is appended is every filled batch, once, in order.
func TestPartition_under_any_interleaving(t *testing.T) {
	store, err := state.Open(t.Context(), connect(t, enginetest.Redis(t)), state.Options{})
	if err == nil {
		_, err = store.Initialise(t.Context(), "model")
	}
	if err != nil {
		t.Fatal(err)
	}
	rapid.Check(t, func(r *rapid.T) {
		m := &model{store: store, p: somePartition()}
		m.takeOver(r)
		r.Repeat(map[string]func(*rapid.T){"take over": m.takeOver, "begin": m.begin, "fill": m.fill, "": m.check})
	})
}

func (m *model) takeOver(r *rapid.T) {
	generation := rapid.IntRange(1, 3).Draw(r, "generation")
	memory, journal, err := m.store.TakeOver(context.Background(), m.p, int32(generation), accept)
	if err != nil {
		r.Fatal(err)
	}
	if generation < m.fence.generation {
		m.fence.era++
	}
	m.fence.generation = generation
	m.workers = append(m.workers, worker{m.fence, memory})
	if journal.Exists != (m.begun || m.last > 0) || journal.Filled != (journal.Exists && !m.begun) {
		r.Fatalf("the takeover finds %+v after batch %d, begun the next: %v", journal, m.last, m.begun)
	}
}

// draw chooses a worker, mostly a recent one, and a batch, mostly the next.
func (m *model) draw(r *rapid.T) (w worker, n uint64) {
	ago := rapid.IntRange(0, min(2, len(m.workers)-1)).Draw(r, "workers ago")
	ahead := rapid.SampledFrom([]int{1, 1, 1, 0, -1, 2}).Draw(r, "batches ahead")
	return m.workers[len(m.workers)-1-ago], uint64(max(1, int(m.last)+ahead))
}

// want is the error that a call must have.
func (m *model) want(w worker, n uint64) error {
	switch {
	case w.fence != m.fence, n < m.last, n == m.last && m.begun:
		return pipeline.ErrFenced
	case n > m.last+1:
		return pipeline.ErrStateLost
	}
	return nil
}

// answered checks an answer, and tells whether the call did something.
func (m *model) answered(r *rapid.T, w worker, n uint64, journal pipeline.Journal, err error) bool {
	if want := m.want(w, n); !errors.Is(err, want) {
		r.Fatalf("batch %d: %v, want %v", n, err, want)
	}
	if err == nil && n == m.last && (!journal.Filled || string(journal.Record) != m.record) {
		r.Fatalf("batch %d again: %+v, want the record %q", n, journal, m.record)
	}
	return err == nil && n == m.last+1
}

func (m *model) begin(r *rapid.T) {
	w, n := m.draw(r)
	journal, err := w.memory.Begin(context.Background(), batch(m.p, n), nil)
	if m.answered(r, w, n, journal, err) {
		m.begun = true
	}
}

func (m *model) fill(r *rapid.T) {
	w, n := m.draw(r)
	record := fmt.Sprintf("%d by %v;", n, w.fence)
	appends := pipeline.Writes{Append: []pipeline.KeyValue{{Key: "log", Value: []byte(record)}}}
	journal, err := w.memory.Fill(context.Background(), batch(m.p, n), nil, []byte(record), appends)
	if m.answered(r, w, n, journal, err) {
		m.last, m.begun, m.record = n, false, record
		m.log += record
	}
}

func (m *model) check(r *rapid.T) {
	values, err := m.workers[0].memory.Get(context.Background(), []string{"log"})
	if err != nil || string(values[0]) != m.log {
		r.Fatalf("memory is %q, %v; want %q", values, err, m.log)
	}
}
