package failpoint

import (
	"context"
	"sync/atomic"
	"time"

	"github.com/grapevinehq/grapevine/pipeline"
)

type books struct {
	pipeline.Books
	topic   string
	writing *atomic.Value // where: the messages that follow tell nothing of their batch
}

// Write implements pipeline.Books, block by block: each is an insert of its own.
func (b *books) Write(ctx context.Context, bounds pipeline.Bounds, lease func() time.Time, blocks []pipeline.Block) error {
	at := placeOf(b.topic, bounds)
	b.writing.Store(at)
	for _, block := range blocks {
		if block.Rows == 0 {
			continue
		}
		if err := around(ctx, at+"insert "+block.Table, func(ctx context.Context) error {
			return b.Books.Write(ctx, bounds, lease, []pipeline.Block{block})
		}); err != nil {
			return err
		}
	}
	return nil
}
