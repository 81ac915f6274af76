package conversions

import (
	"context"
	"errors"
	"fmt"

	"github.com/grapevinehq/grapevine/pipeline"
	"github.com/grapevinehq/grapevine/pipeline/event"
	"github.com/grapevinehq/grapevine/pipeline/money"
	"github.com/grapevinehq/grapevine/pipeline/recall"
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
	return k.claimRound(ctx, k.claimants())
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
	claims := make([]pipeline.Claim, len(indexes))
	for n, i := range indexes {
		claims[n] = pipeline.Claim{
			Key: key(&k.events[i].Conversion), Offset: k.records[i].Offset, Peek: k.stake(&k.events[i]) == asks,
		}
	}
	won, err := k.session.Memory.Claim(ctx, k.bounds, claims)
	if err != nil {
		return fmt.Errorf("claim %d ids (%s): %w", len(claims), by, err)
	}
	var doubtful map[string][]int
	for n, i := range indexes {
		if won[n] {
			continue
		}
		k.lost[i] = by
		if claims[n].Peek {
			if doubtful == nil {
				doubtful = make(map[string][]int)
			}
			doubtful[claims[n].Key] = append(doubtful[claims[n].Key], i)
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
	var claims []pipeline.Claim
	var owners []int
	for j, e := range k.live {
		if k.stake(e) != claimant {
			continue
		}
		if id := key(&e.Conversion); len(doubtful[id]) > 0 && doubtful[id][0] < j {
			claims = append(claims, pipeline.Claim{Key: id, Offset: k.records[j].Offset, Peek: true})
			owners = append(owners, j)
		}
	}
	if len(claims) == 0 {
		return nil
	}
	won, err := k.session.Memory.Claim(ctx, k.bounds, claims)
	if err != nil {
		return fmt.Errorf("ask who owns %d ids: %w", len(claims), err)
	}
	for n, owner := range owners {
		if !won[n] {
			continue
		}
		for _, i := range doubtful[claims[n].Key] {
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

// stake is what an event that is not redelivered has to do with ids.
type stake int

const (
	bystander stake = iota
	claimant        // an active conversion: it will be stored, whatever its ids are
	asks            // one without an exchange rate: a duplicate or a dead letter
)

func (k *work) stake(e *entry) stake {
	if e.Type != event.TypeConversion {
		return bystander
	}
	c := &e.Conversion
	v, active := e.program.At(c.Time)
	if !active {
		return bystander
	}
	_, _, err := k.priced(c, v.Currency)
	switch {
	case err == nil:
		return claimant
	case errors.Is(err, money.ErrNoRate):
		return asks
	default:
		return bystander // invalid
	}
}

// claimants are the conversions that claim or ask. An event that is sent twice
// within the batch claims once. An adjustment counts as taken here though it may
// yet be refused: that matters only to a conversion that has its event id, which
// no two events of a source may share.
func (k *work) claimants() []int {
	var list []int
	var taken recall.Found
	for i, e := range k.live {
		key, id := k.identity(i)
		if taken.Seen(key, id) {
			continue
		}
		s := k.stake(e)
		if s != bystander {
			list = append(list, i)
		}
		if s != asks {
			taken.Remember(recall.Entry{Key: key, Event: id})
		}
	}
	return list
}
