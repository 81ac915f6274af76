package failpoint

import (
	"context"
	"sync/atomic"
	"time"

	"github.com/grapevinehq/grapevine/pipeline"
)

// account is the table of what batches wrote.
const account = "batches"

type books struct {
	pipeline.Books
	topic   string
	writing *atomic.Value // where: the messages that follow tell nothing of their batch
}

// Write implements pipeline.Books, block by block: each is an insert of its own. The
// account of the batch comes last, and needs those that it tells of beside it: they are
// inserted once more then, which their tokens make harmless.
func (b *books) Write(ctx context.Context, bounds pipeline.Bounds, lease func() time.Time, blocks []pipeline.Block) error {
	at := placeOf(b.topic, bounds)
	b.writing.Store(at)
	for i, block := range blocks {
		if block.Rows == 0 {
			continue
		}
		with := blocks[i : i+1]
		if block.Table == account {
			with = blocks
		}
		if err := around(ctx, at+"insert "+block.Table, func(ctx context.Context) error {
			return b.Books.Write(ctx, bounds, lease, with)
		}); err != nil {
			return err
		}
	}
	return nil
}
