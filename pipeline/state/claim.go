package state

import (
	"context"
	_ "embed" // the script
	"fmt"

	"github.com/grapevinehq/grapevine/pipeline"
)

//go:embed claim.lua
var claimLua string

var claimScript = newScript("claim", markerLua, claimLua)

// peekMark follows the field of an id that is asked for and not claimed.
const peekMark = "?"

// Claim implements pipeline.Memory. The first call of a batch visits every slot
// group, so a stage that claims calls it in every batch, also without claims:
// a group that missed one answers the next with pipeline.ErrStateLost. Further
// calls of the same batch visit only the groups of their claims. A claim is kept
// for good.
func (p *Partition) Claim(ctx context.Context, b pipeline.Bounds, claims []pipeline.Claim) ([]bool, error) {
	base := p.args(claimField, b.Number, 0)
	calls := make([]call, Groups)
	order := make([][]int, Groups) // by group, which claims its call carries
	for i, claim := range claims {
		g, bucket, field := claimPlace(claim.Key)
		c := &calls[g]
		if c.keys == nil {
			*c = visit(g, base)
		}
		c.keys = append(c.keys, claimBucket(g, bucket))
		if claim.Peek {
			field += peekMark
		}
		c.args = append(c.args, field, claimOwner(p.short, p.partition.ID, claim.Offset))
		order[g] = append(order[g], i)
	}
	calls, order = visits(calls, order, base, p.visited != b.Number)
	answers, err := p.store.run(ctx, claimScript, calls)
	if err != nil {
		return nil, fmt.Errorf("claim %d ids for batch %d of %s: %w", len(claims), b.Number, p.partition, err)
	}
	p.visited = b.Number
	won := make([]bool, len(claims))
	for i, answer := range answers {
		flags := text(answer, 1)
		if len(flags) != len(order[i]) {
			return nil, fmt.Errorf("claim ids for batch %d of %s: slot group %s answered for %d of %d", b.Number, p.partition, calls[i].group.tag(), len(flags), len(order[i]))
		}
		for j, claim := range order[i] {
			won[claim] = flags[j] == '1'
		}
	}
	return won, nil
}

// visit begins the call of one slot group. The arguments of the marker are
// shared by all visits of a batch: they have no room, so that appending copies.
func visit(g group, base []any) call {
	return call{group: g, keys: markers[g : int(g)+1 : int(g)+1], args: base}
}

// visits completes the calls, by group, to those that are sent: groups without
// anything to do are visited too, or left out.
func visits(calls []call, order [][]int, base []any, all bool) ([]call, [][]int) {
	sent := 0
	for i := range calls {
		if calls[i].keys == nil {
			if !all {
				continue
			}
			calls[i] = visit(group(i), base)
		}
		calls[sent] = calls[i]
		if order != nil {
			order[sent] = order[i]
		}
		sent++
	}
	if order != nil {
		order = order[:sent]
	}
	return calls[:sent], order
}
