package state

import (
	"context"
	_ "embed" // the scripts
	"fmt"

	"github.com/grapevinehq/grapevine/pipeline"
)

var (
	//go:embed filter.lua
	filterLua string
	//go:embed claim.lua
	claimLua string
	//go:embed release.lua
	releaseLua string

	claimScript   = newScript("claim", markerLua, filterLua, claimLua)
	releaseScript = newScript("release", markerLua, filterLua, releaseLua)
)

// peekMark follows the field of an id that is asked for and not claimed.
const peekMark = "?"

// Claim implements pipeline.Memory. The first call of a batch visits every slot
// group, so a stage that claims calls it in every batch, also without claims:
// a group that missed one answers the next with pipeline.ErrStateLost. Further
// calls of the same batch visit only the groups of their claims. A claim is kept
// until it is released.
func (p *Partition) Claim(ctx context.Context, b pipeline.Bounds, claims []pipeline.Claim) ([]pipeline.Claimed, error) {
	base := p.args(claimField, b.Number, 0)
	calls := make([]call, Groups)
	order := make([][]int, Groups) // by group, which claims its call carries
	for i, claim := range claims {
		mark := ""
		if claim.Peek {
			mark = peekMark
		}
		g := p.addClaim(calls, base, pipeline.NewClaimID(claim.Key), mark, claim.Offset)
		order[g] = append(order[g], i)
	}
	if p.visited != b.Number {
		for g := range calls {
			calls[g].visit(group(g), claimKeys[g][:], base)
		}
	}
	calls, order = visits(calls, order)
	answers, err := p.store.run(ctx, claimScript, calls)
	if err != nil {
		return nil, fmt.Errorf("claim %d ids for batch %d of %s: %w", len(claims), b.Number, p.partition, err)
	}
	p.visited = b.Number
	claimed := make([]pipeline.Claimed, len(claims))
	for i, answer := range answers {
		digits := text(answer, 1)
		if len(digits) != len(order[i]) {
			return nil, fmt.Errorf("claim ids for batch %d of %s: slot group %s answered for %d of %d", b.Number, p.partition, calls[i].group.tag(), len(digits), len(order[i]))
		}
		for j, claim := range order[i] {
			claimed[claim] = pipeline.Claimed(digits[j] - '0')
		}
	}
	return claimed, nil
}

// releaseAtOnce is how many claims one pipeline of scripts releases, so that no
// script holds Redis up for long.
const releaseAtOnce = 100_000

// Release implements pipeline.Memory. Only the groups of the claims are visited.
func (p *Partition) Release(ctx context.Context, b pipeline.Bounds, owned []pipeline.Owned) error {
	base := p.args(claimField, b.Number, 0)
	for from := 0; from < len(owned); from += releaseAtOnce {
		calls := make([]call, Groups)
		for _, o := range owned[from:min(from+releaseAtOnce, len(owned))] {
			p.addClaim(calls, base, o.ID, "", o.Offset)
		}
		calls, _ = visits(calls, nil)
		if _, err := p.store.run(ctx, releaseScript, calls); err != nil {
			return fmt.Errorf("release %d claims in batch %d of %s: %w", len(owned), b.Number, p.partition, err)
		}
	}
	return nil
}

// addClaim adds a claim to the call of its group.
func (p *Partition) addClaim(calls []call, base []any, id pipeline.ClaimID, mark string, offset int64) group {
	g, bucket, field := claimPlace(id)
	c := &calls[g]
	c.visit(g, claimKeys[g][:], base)
	c.keys = append(c.keys, claimBucket(g, bucket))
	c.args = append(c.args, field+mark, claimOwner(p.short, p.partition.ID, offset))
	return g
}
