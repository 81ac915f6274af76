package state

import (
	"context"
	"fmt"

	"github.com/grapevinehq/grapevine/pipeline"
)

// DrawLate is a draw that was sent in time and arrives late: the begin record
// stood when its worker looked.
func DrawLate(ctx context.Context, memory pipeline.Memory, b pipeline.Bounds, draws []pipeline.Draw) ([]pipeline.Drawn, error) {
	p, ok := memory.(*Partition)
	if !ok {
		return nil, fmt.Errorf("a %T is not in Redis", memory)
	}
	return p.draw(ctx, b, draws)
}
