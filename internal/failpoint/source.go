package failpoint

import (
	"context"

	"github.com/grapevinehq/grapevine/pipeline"
	"github.com/grapevinehq/grapevine/pipeline/loop"
)

type source struct {
	pipeline.Source
	topic string
}

// Commit implements pipeline.Source.
func (s source) Commit(ctx context.Context, offset int64, metadata string) error {
	effect := short(s.topic) + "/acknowledge"
	if m, ok := loop.ParseMetadata(metadata); ok && m.Bound {
		effect = place(s.topic, offset, m.End) + "bound"
	}
	return around(ctx, effect, func(ctx context.Context) error { return s.Source.Commit(ctx, offset, metadata) })
}
