package loop

import (
	"context"
	"fmt"
	"strconv"

	"github.com/grapevinehq/grapevine/pipeline"
	"github.com/grapevinehq/grapevine/pipeline/changelog"
)

// carried is what a record does, with the batch's block of the changelog; none where
// its rows are told already.
type carried struct {
	pipeline.Outcome
	changelog []pipeline.Block
}

// carry adds the block. What was written to the memory stands there.
func (r *run) carry(b batch, outcome pipeline.Outcome, facts, record []byte, rows []changelog.Row) (carried, error) {
	j := changelog.Journal{
		Facts: facts, Record: record,
		Shares: r.Stage.Shared(), Claims: r.Stage.Claims() && len(facts) > 0,
	}
	block, err := changelog.Block(b.bounds, j, rows)
	if err != nil {
		return carried{}, err
	}
	outcome.Writes = pipeline.Writes{}
	return carried{outcome, []pipeline.Block{block}}, nil
}

// changed are the rows of what a batch changes.
func (r *run) changed(o *pipeline.Outcome, number uint64) []changelog.Row {
	c := changelog.Change{Writes: o.Writes, Shared: o.Shared, Claims: r.memory.claimed}
	if s, ok := r.Stage.(pipeline.Retraceable); ok {
		c.Retraced = without(o.Writes.Append, func(v pipeline.KeyValue) bool { return !s.Retraces(v.Key) })
		c.Writes = untraced(c.Writes, s.Retraces)
	}
	return c.Rows(number)
}

// untraced are the writes that cannot be made again.
func untraced(w pipeline.Writes, retraces func(key string) bool) pipeline.Writes {
	w.Append = without(w.Append, func(v pipeline.KeyValue) bool { return retraces(v.Key) })
	w.Set = without(w.Set, func(v pipeline.KeyValue) bool { return retraces(v.Key) })
	w.Delete = without(w.Delete, retraces)
	return w
}

// without is a list of what is left.
func without[T any](list []T, drop func(T) bool) (rest []T) {
	for _, v := range list {
		if !drop(v) {
			rest = append(rest, v)
		}
	}
	return rest
}

// recorder is the memory of the partition, and takes note of what the changelog must
// know of a batch and its outcome does not say: the ids that it won and released.
type recorder struct {
	pipeline.Memory
	claimed []changelog.Claim
	began   bool // the memory says since when there is a changelog
}

// record opens the recorder.
func record(ctx context.Context, memory pipeline.Memory) (*recorder, error) {
	values, err := memory.Get(ctx, []string{changelog.SinceKey})
	if err != nil {
		return nil, fmt.Errorf("read since when there is a changelog: %w", err)
	}
	return &recorder{Memory: memory, began: values[0] != nil}, nil
}

// Claim implements pipeline.Memory.
func (m *recorder) Claim(ctx context.Context, b pipeline.Bounds, claims []pipeline.Claim) ([]pipeline.Claimed, error) {
	answers, err := m.Memory.Claim(ctx, b, claims)
	for i, c := range answers {
		if c != pipeline.ClaimLost && !claims[i].Peek {
			m.claimed = append(m.claimed, changelog.Claim{Owned: pipeline.Owned{ID: pipeline.NewClaimID(claims[i].Key), Offset: claims[i].Offset}})
		}
	}
	return answers, err
}

// Release implements pipeline.Memory.
func (m *recorder) Release(ctx context.Context, b pipeline.Bounds, owned []pipeline.Owned) error {
	for _, o := range owned {
		m.claimed = append(m.claimed, changelog.Claim{Owned: o, Released: true})
	}
	return m.Memory.Release(ctx, b, owned)
}

// begin notes the first batch that has a changelog, in that batch.
func (m *recorder) begin(w *pipeline.Writes, number uint64) {
	if !m.began {
		w.Set = append(w.Set, pipeline.KeyValue{Key: changelog.SinceKey, Value: strconv.AppendUint(nil, number, 10)})
	}
}
