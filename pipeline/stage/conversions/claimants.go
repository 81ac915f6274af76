package conversions

import (
	"context"
	"errors"
	"fmt"

	"github.com/grapevinehq/grapevine/pipeline/event"
	"github.com/grapevinehq/grapevine/pipeline/money"
	"github.com/grapevinehq/grapevine/pipeline/recall"
)

// stake is what an event that is not redelivered does with ids, and whether it
// is taken, so that another of its identity is a redelivery (§9 (4), (37)).
type stake int

const (
	claiming  stake = iota // an active conversion: claims its ids, and is taken
	asking                 // one without an exchange rate: taken if a duplicate
	adjusting              // an adjustment: taken unless it is refused
	stored                 // a link, an inactive conversion: taken
	rejected               // an amount out of range: not taken
)

func (k *work) stake(e *entry) stake {
	switch e.Type {
	case event.TypeAdjustment:
		return adjusting
	case event.TypeIdentityLink:
		return stored
	}
	c := &e.Conversion
	v, active := e.program.At(c.Time)
	if !active {
		return stored
	}
	_, _, err := k.priced(c, v.Currency)
	switch {
	case err == nil:
		return claiming
	case errors.Is(err, money.ErrNoRate):
		return asking
	default:
		return rejected
	}
}

// claimants collects, in the order of the partition, the conversions that claim
// or ask; redeliveries within the batch do not. Mostly the events themselves
// tell which those are. Where the first event of an identity may or may not be
// taken, and the second would claim, what went before is claimed and decided
// first, on a copy.
type claimants struct {
	*work
	list    []int              // not claimed yet
	taken   recall.Found       // surely, since decided
	unsure  map[identity][]int // the others since then, by identity
	decider *decider           // nil as long as nothing had to be decided
	decided int                // how many events of the batch it has decided
}

func (c *claimants) add(ctx context.Context, i int, e *entry) error {
	key, id := c.identity(i)
	same, s := identity{key, id}, c.stake(e)
	if c.taken.Seen(key, id) {
		return nil
	}
	unsure := len(c.unsure[same]) > 0 || c.waits(i)
	if unsure && s == claiming {
		if err := c.decide(ctx, i, c.unsure[same]); err != nil {
			return err
		}
		unsure = false
	}
	if !unsure && c.decider != nil && c.decider.seen(i) {
		return nil
	}
	if s == claiming || s == asking {
		c.list = append(c.list, i)
	}
	switch {
	case s == asking, s == adjusting, unsure:
		if c.unsure == nil {
			c.unsure = make(map[identity][]int)
		}
		c.unsure[same] = append(c.unsure[same], i)
	case s != rejected:
		c.taken.Remember(recall.Entry{Key: key, Event: id})
	}
	return nil
}

// waits tells whether an adjustment of the identity of event i waited when it was
// last looked: it may have become a dead letter since.
func (c *claimants) waits(i int) bool {
	known := &c.facts
	if c.decider != nil {
		known = &c.decider.facts
	}
	return known.Takings[c.nameOf(i)] == whileItWaits
}

// decide claims for and decides the events before a conversion, which is a
// redelivery if one of the doubtful ones was taken, and still is.
func (c *claimants) decide(ctx context.Context, i int, doubtful []int) error {
	if err := c.claimRound(ctx, c.list); err != nil {
		return err
	}
	if err := c.settle(ctx, i, doubtful); err != nil {
		return err
	}
	if c.decider == nil {
		copied, err := c.fork()
		if err != nil {
			return err
		}
		c.decider = newDecider(copied)
	}
	for ; c.decided < i; c.decided++ {
		c.decider.next(c.decided)
	}
	c.decider.expire(c.records[i].Time) // what the conversion itself shows to be over
	c.list, c.taken, c.unsure = nil, recall.Found{}, nil
	return nil
}

// settle finds what was decided before a crash of doubtful events that asked:
// if the conversion after them owns its id, they were dead letters then, and are
// now, though somebody may have claimed what they asked for. Else a claim
// would stay behind that belongs to a redelivery.
func (c *claimants) settle(ctx context.Context, i int, doubtful []int) error {
	id := claimOf(&c.events[i].Conversion, byConversion)
	for _, p := range doubtful {
		if c.lost[p] == "" || c.stake(&c.events[p]) != asking {
			continue
		}
		won, err := c.bid(ctx, []bid{
			{id, c.records[i].Offset, true},
			{id, c.records[p].Offset, true}, // which has claimed nothing: won when nobody has
		})
		if err != nil {
			return fmt.Errorf("ask whether offset %d owns its conversion_id: %w", c.records[i].Offset, err)
		}
		if won[0] && !won[1] {
			delete(c.lost, p)
		}
	}
	return nil
}

// fork is the work with facts of its own, that may change.
func (k *work) fork() (*work, error) {
	b, err := encode(&k.facts)
	if err != nil {
		return nil, fmt.Errorf("copy the facts of batch %d: %w", k.bounds.Number, err)
	}
	copied := *k
	copied.begun = nil
	return &copied, copied.TakeFacts(b)
}
