package conversions

import (
	"context"
	"fmt"

	"github.com/grapevinehq/grapevine/pipeline"
	"github.com/grapevinehq/grapevine/pipeline/event"
	"github.com/grapevinehq/grapevine/pipeline/recall"
)

// What a duplicate is one by: the reason of its row.
const (
	byConversion = "conversion_id"
	byOrder      = "order_id"
)

// Claim claims conversion_ids, and then order_ids of those that won theirs
// (§9 (15)). Inactive conversions and those without an exchange rate claim
// nothing. Every batch claims, be it nothing.
func (k *work) Claim(ctx context.Context) error {
	if err := k.configure(ctx); err != nil {
		return err
	}
	k.lost = make(map[int]string)
	claimants := k.claimants()
	if err := k.claim(ctx, claimants, byConversion, conversionClaim); err != nil {
		return err
	}
	var orders []int
	for _, i := range claimants {
		if k.lost[i] == "" && k.events[i].Conversion.OrderID != "" {
			orders = append(orders, i)
		}
	}
	if len(orders) == 0 {
		return nil
	}
	return k.claim(ctx, orders, byOrder, orderClaim)
}

// claim claims one id of each event, in the order of the partition: of several
// events with one id the first wins.
func (k *work) claim(ctx context.Context, indexes []int, by string, key func(*event.Conversion) string) error {
	claims := make([]pipeline.Claim, len(indexes))
	for n, i := range indexes {
		claims[n] = pipeline.Claim{Key: key(&k.events[i].Conversion), Offset: k.records[i].Offset}
	}
	won, err := k.session.Memory.Claim(ctx, k.bounds, claims)
	if err != nil {
		return fmt.Errorf("claim %d ids (%s): %w", len(claims), by, err)
	}
	for n, i := range indexes {
		if !won[n] {
			k.lost[i] = by
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

// claimants are the conversions that will be stored and not inactive. An event
// that is sent twice within the batch claims once. An adjustment counts as taken
// here though it may yet be refused: that matters only to a conversion that has
// its event id, which no two events of a source may share.
func (k *work) claimants() []int {
	var list []int
	var taken recall.Found
	for i, e := range k.live {
		key, id := k.identity(i)
		if taken.Seen(key, id) {
			continue
		}
		switch e.Type {
		case event.TypeIdentityLink, event.TypeAdjustment:
			taken.Remember(recall.Entry{Key: key, Event: id})
		case event.TypeConversion:
			if !k.payable(e) {
				continue
			}
			taken.Remember(recall.Entry{Key: key, Event: id})
			if _, active := e.program.At(e.Conversion.Time); active {
				list = append(list, i)
			}
		}
	}
	return list
}
