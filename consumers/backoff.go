package consumers

import (
	"context"
	"math/rand/v2"
	"time"
)

// backoff waits longer from try to try, with jitter, between two bounds.
type backoff struct {
	first, most time.Duration
	last        time.Duration
}

// wait pauses, and reports the context's end.
func (b *backoff) wait(ctx context.Context) error { return pause(ctx, b.next()) }

func (b *backoff) next() time.Duration {
	b.last = min(max(b.first, 2*b.last), b.most)
	return b.last/2 + rand.N(b.last/2+1)
}

func (b *backoff) reset() { b.last = 0 }

func pause(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}
