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
	k.lost = make(map[int]string)
	c := claimants{work: k}
	for i, e := range k.live {
		if err := c.add(ctx, i, e); err != nil {
			return err
		}
	}
	if len(c.list) == 0 && c.decider != nil {
		return nil
	}
	return k.claimRound(ctx, c.list)
}

// claimRound claims, or asks for, the ids of events in the order of the
// partition: of several events with one id the first wins.
func (k *work) claimRound(ctx context.Context, indexes []int) error {
	if err := k.claim(ctx, indexes, byConversion, conversionClaim); err != nil {
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
	return k.claim(ctx, orders, byOrder, orderClaim)
}

// claim claims, or asks for, one id of each event.
func (k *work) claim(ctx context.Context, indexes []int, by string, key func(*event.Conversion) string) error {
	asked := make([]pipeline.Claim, len(indexes))
	for n, i := range indexes {
		asked[n] = pipeline.Claim{
			Key: key(&k.events[i].Conversion), Offset: k.records[i].Offset, Peek: k.stake(&k.events[i]) == asking,
		}
	}
	won, err := k.session.Memory.Claim(ctx, k.bounds, asked)
	if err != nil {
		return fmt.Errorf("claim %d ids (%s): %w", len(asked), by, err)
	}
	var doubtful map[string][]int
	for n, i := range indexes {
		if won[n] {
			continue
		}
		k.lost[i] = by
		if asked[n].Peek {
			if doubtful == nil {
				doubtful = make(map[string][]int)
			}
			doubtful[asked[n].Key] = append(doubtful[asked[n].Key], i)
		}
	}
	if doubtful == nil {
		return nil
	}
	return k.forgive(ctx, doubtful, key)
}

// forgive clears events that were told of an owner, by key, if that owner is a
// later event of this batch: it claimed before a crash, and was not there to be
// seen when the batch was begun.
func (k *work) forgive(ctx context.Context, doubtful map[string][]int, key func(*event.Conversion) string) error {
	var queries []pipeline.Claim
	var owners []int
	for j, e := range k.live {
		if k.stake(e) != claiming {
			continue
		}
		if id := key(&e.Conversion); len(doubtful[id]) > 0 && doubtful[id][0] < j {
			queries = append(queries, pipeline.Claim{Key: id, Offset: k.records[j].Offset, Peek: true})
			owners = append(owners, j)
		}
	}
	if len(queries) == 0 {
		return nil
	}
	won, err := k.session.Memory.Claim(ctx, k.bounds, queries)
	if err != nil {
		return fmt.Errorf("ask who owns %d ids: %w", len(queries), err)
	}
	for n, owner := range owners {
		if !won[n] {
			continue
		}
		for _, i := range doubtful[queries[n].Key] {
			if i < owner {
				delete(k.lost, i)
			}
		}
	}
	return nil
}

func conversionClaim(c *event.Conversion) string {
	return "conv/" + name(c.OrgID, c.ProgramID, c.ConversionID)
}

func orderClaim(c *event.Conversion) string {
	return "order/" + name(c.OrgID, c.ProgramID, string(c.Kind), c.OrderID)
}
