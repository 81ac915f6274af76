package conversions

import (
	"context"
	"fmt"

	"github.com/grapevinehq/grapevine/pipeline"
	"github.com/grapevinehq/grapevine/pipeline/event"
)

// What a duplicate is one by: the reason of its row.
const (
	byConversion = "conversion_id"
	byOrder      = "order_id"
)

// Claim claims conversion_ids, and then order_ids of those that won theirs
// (§9 (15)). Inactive conversions claim nothing. Those without an exchange rate
// do not either, but ask, for a duplicate is told so first. Every batch claims,
// be it nothing.
func (k *work) Claim(ctx context.Context) error {
	if err := k.configure(ctx); err != nil {
		return err
	}
	k.lost, k.owns = make(map[int]string), make([]owns, len(k.events))
	c := claimants{work: k}
	for i, e := range k.live {
		if err := c.add(ctx, i, e); err != nil {
			return err
		}
	}
	if len(c.list) > 0 || c.decider == nil {
		if err := k.claimRound(ctx, c.list); err != nil {
			return err
		}
	}
	return k.release(ctx)
}

// claimRound claims, or asks for, the ids of events in the order of the
// partition: of several events with one id the first wins.
func (k *work) claimRound(ctx context.Context, indexes []int) error {
	if err := k.claim(ctx, indexes, byConversion); err != nil {
		return err
	}
	var orders []int
	for _, i := range indexes {
		if k.lost[i] == "" && k.events[i].Conversion.OrderID != "" {
			orders = append(orders, i)
		}
	}
	if len(orders) == 0 {
		return nil
	}
	return k.claim(ctx, orders, byOrder)
}

// claim claims, or asks for, one id of each event.
func (k *work) claim(ctx context.Context, indexes []int, by string) error {
	bids := make([]bid, len(indexes))
	for n, i := range indexes {
		bids[n] = bid{claimOf(&k.events[i].Conversion, by), k.records[i].Offset, k.stake(&k.events[i]) == asking}
	}
	won, err := k.bid(ctx, bids)
	if err != nil {
		return fmt.Errorf("claim %d ids (%s): %w", len(bids), by, err)
	}
	var doubtful map[ClaimQuery][]int
	for n, i := range indexes {
		if won[n] {
			if !bids[n].peek {
				k.owns[i] |= ownsBy[by]
			}
			continue
		}
		k.lost[i] = by
		if bids[n].peek {
			if doubtful == nil {
				doubtful = make(map[ClaimQuery][]int)
			}
			doubtful[bids[n].ClaimQuery] = append(doubtful[bids[n].ClaimQuery], i)
		}
	}
	if doubtful == nil {
		return nil
	}
	return k.forgive(ctx, doubtful, by)
}

// forgive clears events that were told of an owner, by id, if that owner is a
// later event of this batch: it claimed before a crash, and was not there to be
// seen when the batch was begun.
func (k *work) forgive(ctx context.Context, doubtful map[ClaimQuery][]int, by string) error {
	var bids []bid
	var owners []int
	for j, e := range k.live {
		if k.stake(e) != claiming {
			continue
		}
		if id := claimOf(&e.Conversion, by); len(doubtful[id]) > 0 && doubtful[id][0] < j {
			bids = append(bids, bid{id, k.records[j].Offset, true})
			owners = append(owners, j)
		}
	}
	if len(bids) == 0 {
		return nil
	}
	won, err := k.bid(ctx, bids)
	if err != nil {
		return fmt.Errorf("ask who owns %d ids: %w", len(bids), err)
	}
	for n, owner := range owners {
		if !won[n] {
			continue
		}
		for _, i := range doubtful[bids[n].ClaimQuery] {
			if i < owner {
				delete(k.lost, i)
			}
		}
	}
	return nil
}

// bid claims an id for the event at an offset, or, to peek, asks who owns it.
type bid struct {
	ClaimQuery
	offset int64
	peek   bool
}

// bid claims ids in the memory that partitions share, and then asks the books about
// those that it may have released: they hold what is gone from there, so they are
// asked after it and never before.
func (k *work) bid(ctx context.Context, bids []bid) (won []bool, err error) {
	claims := make([]pipeline.Claim, len(bids))
	for n := range bids {
		claims[n] = pipeline.Claim{Key: bids[n].key(), Offset: bids[n].offset, Peek: bids[n].peek}
	}
	claimed, err := k.session.Memory.Claim(ctx, k.bounds, claims)
	if err != nil {
		return nil, err
	}
	won = make([]bool, len(bids))
	var old []int
	for n, c := range claimed {
		if won[n] = c != pipeline.ClaimLost; c == pipeline.ClaimWonUnlessOld {
			old = append(old, n)
		}
	}
	if len(old) == 0 {
		return won, nil
	}
	return won, k.yield(ctx, bids, old, won)
}

// yield asks the books about bids for ids that may be old. Who bid for one that is
// lost, and leaves no claim behind.
func (k *work) yield(ctx context.Context, bids []bid, old []int, won []bool) error {
	queries := make([]ClaimQuery, len(old))
	for i, n := range old {
		queries[i] = bids[n].ClaimQuery
	}
	found, err := k.options.Books.Claimed(ctx, queries)
	if err != nil {
		return fmt.Errorf("ask the books for the owners of %d ids that may be old: %w", len(old), err)
	}
	var left []pipeline.Owned
	for i, n := range old {
		if !found[i] {
			continue
		}
		if won[n] = false; !bids[n].peek {
			left = append(left, pipeline.Owned{ID: pipeline.NewClaimID(queries[i].key()), Offset: bids[n].offset})
		}
	}
	if len(left) == 0 {
		return nil
	}
	return k.session.Memory.Release(ctx, k.bounds, left)
}

// claimOf is one id of a conversion.
func claimOf(c *event.Conversion, by string) ClaimQuery {
	if by == byOrder {
		return ClaimQuery{c.OrgID, c.ProgramID, c.Kind, c.OrderID}
	}
	return ClaimQuery{c.OrgID, c.ProgramID, "", c.ConversionID}
}

// key is that of the claim.
func (q *ClaimQuery) key() string {
	if q.Kind != "" {
		return "order/" + name(q.OrgID, q.ProgramID, string(q.Kind), q.ID)
	}
	return "conv/" + name(q.OrgID, q.ProgramID, q.ID)
}
