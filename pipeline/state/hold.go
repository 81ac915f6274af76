package state

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/google/uuid"
	"github.com/redis/go-redis/v9"
)

// holdFor is how long a rebuild that died keeps another one out.
const holdFor = 10 * time.Second

// rebuilderKey is held by the one rebuild that writes.
var rebuilderKey = group(0).key("rebuilder")

// keepHold renews a hold, if it is still ours.
var keepHold = redis.NewScript(`if redis.call('GET', KEYS[1]) ~= ARGV[1] then return 0 end
return redis.call('PEXPIRE', KEYS[1], ARGV[2])`)

// dropHold ends a hold, if it is still ours.
var dropHold = redis.NewScript(`if redis.call('GET', KEYS[1]) ~= ARGV[1] then return 0 end
return redis.call('DEL', KEYS[1])`)

var errHeld = errors.New("another rebuild runs")

// Hold calls do while nobody else rebuilds this Redis. It waits a moment for one that
// died. The context of do ends when the hold is lost.
func (s *Store) Hold(ctx context.Context, do func(context.Context) error) error {
	mine := uuid.NewString()
	for began := time.Now(); ; {
		won, err := s.client.SetNX(ctx, rebuilderKey, mine, holdFor).Result()
		if err != nil {
			return fmt.Errorf("take hold of Redis: %w", err)
		}
		if won {
			break
		}
		if time.Since(began) > 2*holdFor {
			return fmt.Errorf("take hold of Redis: %w", errHeld)
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(time.Second):
		}
	}
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	renewed := make(chan struct{})
	go func() {
		defer close(renewed)
		cancel(s.renewHold(ctx, mine))
	}()
	err := do(ctx)
	if cause := context.Cause(ctx); err != nil && cause != nil && !errors.Is(err, cause) {
		err = errors.Join(err, cause)
	}
	cancel(nil)
	<-renewed
	if _, dropped := dropHold.Run(context.WithoutCancel(ctx), s.client, []string{rebuilderKey}, mine).Result(); dropped != nil && err == nil {
		s.log.WarnContext(ctx, "the hold on Redis ends by itself", "in", holdFor, "error", dropped)
	}
	return err
}

// renewHold renews until ctx ends or the hold is lost.
func (s *Store) renewHold(ctx context.Context, mine string) error {
	ticker := time.NewTicker(holdFor / 5)
	defer ticker.Stop()
	last := time.Now()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-ticker.C:
		}
		kept, err := keepHold.Run(ctx, s.client, []string{rebuilderKey}, mine, holdFor.Milliseconds()).Int()
		switch {
		case err == nil && kept == 1:
			last = time.Now()
		case err == nil:
			return errHeld
		case time.Since(last) > holdFor*4/5 && ctx.Err() == nil:
			return fmt.Errorf("redis does not answer: %w", err)
		}
	}
}
