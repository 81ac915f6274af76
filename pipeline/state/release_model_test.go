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

// phase is how far a batch has come.
type phase int

const (
	written phase = iota // the books have its rows; the next may begin
	begun
	claimed
	decided // the books have been asked
	journalled
)

// claimant is a partition that claims, as a stage does.
type claimant struct {
	p       pipeline.Partition
	memory  pipeline.Memory
	before  []pipeline.Memory // of workers that may not know that they are dead
	fence   int32
	n       uint64
	phase   phase
	bids    []pipeline.Claim // of batch n
	answers []pipeline.Claimed
	won     []pipeline.Claim
	lists   map[uint64][]pipeline.Claim // by batch, what its rows claimed
}

func (c *claimant) bounds() pipeline.Bounds { return batch(c.p, c.n) }

// claimModel is some partitions that claim the same few ids, and the books.
type claimModel struct {
	run   int
	store *state.Store
	parts []*claimant
	rows  map[string]int  // by id, how many rows claim it
	bid   map[string]bool // ids of batches that are in the books
}

// Partitions claim, ask the books, journal, write and release in any order, die
// and are taken over, and dead workers go on: of the rows of each id exactly one
// claims it.
func TestRelease_under_any_interleaving(t *testing.T) {
	store, err := state.Open(t.Context(), connect(t, enginetest.Redis(t)), state.Options{})
	if err == nil {
		_, err = store.Initialise(t.Context(), "model")
	}
	if err != nil {
		t.Fatal(err)
	}
	run := 0
	rapid.Check(t, func(r *rapid.T) {
		run++
		m := &claimModel{run: run, store: store, rows: map[string]int{}, bid: map[string]bool{}}
		for range 3 {
			c := &claimant{p: somePartition(), lists: map[uint64][]pipeline.Claim{}}
			m.takeOver(r, c)
			m.parts = append(m.parts, c)
		}
		step := func(do func(*rapid.T, *claimant)) func(*rapid.T) {
			return func(r *rapid.T) { do(r, rapid.SampledFrom(m.parts).Draw(r, "partition")) }
		}
		r.Repeat(map[string]func(*rapid.T){
			"step": step(m.step), "go on": step(m.step), "and on": step(m.step), "further": step(m.step),
			"release": step(m.release), "die": step(m.die), "late": step(m.late), "": m.check,
		})
		for _, c := range m.parts {
			for c.phase != written {
				m.step(r, c)
			}
		}
		for id := range m.bid {
			if m.rows[id] != 1 {
				r.Fatalf("%d rows claim %s", m.rows[id], id)
			}
		}
	})
}

func (m *claimModel) takeOver(r *rapid.T, c *claimant) {
	c.fence++
	memory, _, err := m.store.TakeOver(context.Background(), c.p, c.fence, refuse)
	if err != nil {
		r.Fatal(err)
	}
	c.memory = memory
}

// die takes a partition over: what was not journalled is done again.
func (m *claimModel) die(r *rapid.T, c *claimant) {
	c.before = append(c.before, c.memory)
	m.takeOver(r, c)
	if c.phase == claimed || c.phase == decided {
		c.phase = begun
	}
}

// step takes a batch one step further.
func (m *claimModel) step(r *rapid.T, c *claimant) {
	ctx := context.Background()
	var err error
	switch c.phase {
	case written:
		c.n, c.phase, c.bids = c.n+1, begun, nil
		for i := range rapid.IntRange(0, 2).Draw(r, "ids") {
			id := fmt.Sprint("run ", m.run, ", id ", rapid.IntRange(0, 2).Draw(r, "id"))
			c.bids = append(c.bids, pipeline.Claim{Key: id, Offset: int64(c.n)*10 + int64(i)})
		}
	case begun:
		c.answers, err = c.memory.Claim(ctx, c.bounds(), c.bids)
		c.phase = claimed
	case claimed:
		err = m.decide(c)
		c.phase = decided
	case decided:
		_, err = c.memory.Fill(ctx, c.bounds(), nil, []byte("record"), pipeline.Writes{})
		c.phase = journalled
	case journalled:
		for _, bid := range c.bids {
			m.bid[bid.Key] = true
		}
		for _, bid := range c.won {
			m.rows[bid.Key]++
		}
		c.lists[c.n], c.phase = c.won, written
	}
	if err != nil {
		r.Fatal(err)
	}
}

// decide asks the books about what may be old.
func (m *claimModel) decide(c *claimant) error {
	c.won = nil
	var left []pipeline.Claim
	for i, answer := range c.answers {
		switch {
		case answer == pipeline.ClaimWonUnlessOld && m.rows[c.bids[i].Key] > 0:
			left = append(left, c.bids[i])
		case answer != pipeline.ClaimLost:
			c.won = append(c.won, c.bids[i])
		}
	}
	return c.memory.Release(context.Background(), c.bounds(), owned(left))
}

// release releases what an earlier batch claimed, be it again.
func (m *claimModel) release(r *rapid.T, c *claimant) {
	if c.n < 2 || c.phase == begun {
		return // this batch has not claimed
	}
	of := rapid.Uint64Range(1, c.n-1).Draw(r, "of batch")
	if err := c.memory.Release(context.Background(), c.bounds(), owned(c.lists[of])); err != nil {
		r.Fatal(err)
	}
}

// late lets a worker that is dead claim for the batch that its successor has, or
// release what it knows to be in the books.
func (m *claimModel) late(r *rapid.T, c *claimant) {
	if len(c.before) == 0 || c.phase == written || c.n < 2 {
		return
	}
	dead := rapid.SampledFrom(c.before).Draw(r, "worker")
	var err error
	if rapid.Bool().Draw(r, "claims") {
		_, err = dead.Claim(context.Background(), c.bounds(), c.bids)
	} else {
		of := rapid.Uint64Range(1, c.n-1).Draw(r, "of batch")
		err = dead.Release(context.Background(), c.bounds(), owned(c.lists[of]))
	}
	if err != nil && !errors.Is(err, pipeline.ErrFenced) && !errors.Is(err, pipeline.ErrStateLost) {
		r.Fatal(err)
	}
}

func (m *claimModel) check(r *rapid.T) {
	for id, n := range m.rows {
		if n > 1 {
			r.Fatalf("%d rows claim %s", n, id)
		}
	}
}
