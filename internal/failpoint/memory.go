package failpoint

import (
	"context"

	"github.com/grapevinehq/grapevine/pipeline"
	"github.com/grapevinehq/grapevine/pipeline/loop"
)

type state struct {
	loop.State
	topic string
}

// TakeOver implements loop.State.
func (s state) TakeOver(ctx context.Context, p pipeline.Partition, generation int32, confirm func(context.Context) error) (m pipeline.Memory, j pipeline.Journal, err error) {
	err = around(ctx, short(s.topic)+"/take over", func(ctx context.Context) error {
		m, j, err = s.State.TakeOver(ctx, p, generation, confirm)
		return err
	})
	return memory{m, s.topic}, j, err
}

type memory struct {
	pipeline.Memory
	topic string
}

// Begin implements pipeline.Memory.
func (m memory) Begin(ctx context.Context, b pipeline.Bounds, facts []byte) (j pipeline.Journal, err error) {
	err = around(ctx, placeOf(m.topic, b)+"begin", func(ctx context.Context) error {
		j, err = m.Memory.Begin(ctx, b, facts)
		return err
	})
	return j, err
}

// Claim implements pipeline.Memory.
func (m memory) Claim(ctx context.Context, b pipeline.Bounds, claims []pipeline.Claim) (claimed []pipeline.Claimed, err error) {
	err = around(ctx, placeOf(m.topic, b)+"claim", func(ctx context.Context) error {
		claimed, err = m.Memory.Claim(ctx, b, claims)
		return err
	})
	return claimed, err
}

// Release implements pipeline.Memory.
func (m memory) Release(ctx context.Context, b pipeline.Bounds, owned []pipeline.Owned) error {
	return around(ctx, placeOf(m.topic, b)+"release", func(ctx context.Context) error { return m.Memory.Release(ctx, b, owned) })
}

// Draw implements pipeline.Budgets.
func (m memory) Draw(ctx context.Context, b pipeline.Bounds, draws []pipeline.Draw) (drawn []pipeline.Drawn, err error) {
	err = around(ctx, placeOf(m.topic, b)+"draw", func(ctx context.Context) error {
		drawn, err = m.Memory.Draw(ctx, b, draws)
		return err
	})
	return drawn, err
}

// Fill implements pipeline.Memory.
func (m memory) Fill(ctx context.Context, b pipeline.Bounds, facts, record []byte, writes pipeline.Writes) (j pipeline.Journal, err error) {
	err = around(ctx, placeOf(m.topic, b)+"journal", func(ctx context.Context) error {
		j, err = m.Memory.Fill(ctx, b, facts, record, writes)
		return err
	})
	return j, err
}

// Give implements pipeline.Budgets.
func (m memory) Give(ctx context.Context, b pipeline.Bounds, gives []pipeline.Draw) error {
	return around(ctx, placeOf(m.topic, b)+"give", func(ctx context.Context) error { return m.Memory.Give(ctx, b, gives) })
}

// ApplyShared implements pipeline.Memory.
func (m memory) ApplyShared(ctx context.Context, b pipeline.Bounds, sets []pipeline.SharedSet) error {
	return around(ctx, placeOf(m.topic, b)+"share", func(ctx context.Context) error { return m.Memory.ApplyShared(ctx, b, sets) })
}
