package failpoint

import (
	"context"
	"strings"
	"time"

	"github.com/grapevinehq/grapevine/pipeline"
)

// place names where a batch of a topic is worked. One without records is of the
// clock's making, and has points of its own.
func place(topic string, first, end int64) string {
	if first == end {
		return short(topic) + " by the clock/"
	}
	return short(topic) + "/"
}

func placeOf(topic string, b pipeline.Bounds) string { return place(topic, b.First, b.End) }

func short(topic string) string { return strings.TrimPrefix(topic, "referral.") }

// effectKey finds the name of the effect that a call is part of.
type effectKey struct{}

// around carries an effect out between two points. What is done in several
// requests finds its name in the context, for a point in the middle.
func around(ctx context.Context, effect string, do func(context.Context) error) error {
	if hit(effect + "/before") {
		var cancel context.CancelFunc
		ctx, cancel = onItsWay(ctx)
		defer cancel()
	}
	if err := do(context.WithValue(ctx, effectKey{}, effect)); err != nil {
		return err
	}
	hit(effect + "/after")
	return nil
}

// onItsWay is for what is carried out by a process that slept right before it: as if its
// request had left already, it is not called back when the process notices that it is late.
// What happens then is for the other end to say. It is given up after wayTime.
func onItsWay(ctx context.Context) (context.Context, context.CancelFunc) {
	return context.WithTimeout(context.WithoutCancel(ctx), wayTime)
}

const wayTime = 3 * time.Second

// halfway is passed when half of an effect has been carried out.
func halfway(ctx context.Context) {
	if effect, ok := ctx.Value(effectKey{}).(string); ok {
		hit(effect + "/middle")
	}
}
