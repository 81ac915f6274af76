package verify

import (
	"context"
	"fmt"
	"time"

	"github.com/grapevinehq/grapevine/analytics"
)

// doubtsMost is how many values of a partition are kept to be looked at again.
const doubtsMost = 10_000

// doubts are values of a partition's memory that are of later events than the books
// have: a batch that is not acknowledged yet may have written them. Once it is, the books
// must have caught up with them.
type doubts struct {
	values map[[3]string][]byte // by org, program and id
	filled uint64               // the last batch that can have written them
	beyond int                  // how many more there were
}

func (d *doubts) add(org, program, id string, value []byte, filled uint64) {
	if len(d.values) == doubtsMost {
		d.beyond++
		return
	}
	if d.values == nil {
		d.values = make(map[[3]string][]byte)
	}
	d.values[[3]string{org, program, id}] = value
	d.filled = max(d.filled, filled)
}

func (d *doubts) ids() []string {
	ids := make([]string, 0, len(d.values))
	for key := range d.values {
		ids = append(ids, key[2])
	}
	return ids
}

// dispel waits until the batches in doubt are acknowledged, as far as patience goes, and
// has the values judged by what the books have then.
func (v *Verifier) dispel(ctx context.Context, p place, d *doubts, check string, r *Report, judge func(analytics.Standing) error) error {
	skip := func(n int, why string) {
		r.Skipped = append(r.Skipped, Skipped{check + " of " + p.partition.String(), fmt.Sprintf("%d were changed by later batches, %s", n, why)})
	}
	if d.beyond > 0 {
		skip(d.beyond, "more than are looked at again")
	}
	if len(d.values) == 0 {
		return nil
	}
	later, err := v.acknowledged(ctx, p, d.filled)
	if err != nil {
		return err
	}
	if later.completed < d.filled {
		skip(len(d.values), fmt.Sprintf("which were not acknowledged within %s", v.Patience))
		return nil
	}
	return judge(later.standing())
}

// acknowledged waits until a batch of a partition is.
func (v *Verifier) acknowledged(ctx context.Context, p place, number uint64) (place, error) {
	until := time.Now().Add(v.Patience)
	for {
		places, err := v.places(ctx)
		if err != nil {
			return p, err
		}
		for _, now := range places {
			if now.partition == p.partition {
				p = now
			}
		}
		if p.completed >= number || time.Now().After(until) {
			return p, nil
		}
		select {
		case <-time.After(poll):
		case <-ctx.Done():
			return p, ctx.Err()
		}
	}
}
