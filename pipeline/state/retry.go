package state

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/cenkalti/backoff/v5"
	"github.com/redis/go-redis/v9"

	"github.com/grapevinehq/grapevine/pipeline"
)

// retry tries until it succeeds, a permanent error comes or ctx ends. An outage
// is logged when it begins and when it ends; every error is counted.
func (s *Store) retry(ctx context.Context, operation string, try func() error) error {
	var last error
	outage := time.Time{}
	_, err := backoff.Retry(ctx, func() (struct{}, error) {
		err := try()
		if err == nil {
			return struct{}{}, nil
		}
		last = err
		s.count(operation, err)
		if permanent(err) {
			return struct{}{}, backoff.Permanent(err)
		}
		return struct{}{}, err
	}, backoff.WithBackOff(s.backoff()), backoff.WithMaxElapsedTime(0), backoff.WithNotify(func(err error, _ time.Duration) {
		if outage.IsZero() {
			outage = time.Now()
			s.log.WarnContext(ctx, "redis does not take a call, trying on", "operation", operation, "error", err)
		}
	}))
	switch {
	case err == nil && !outage.IsZero():
		s.log.InfoContext(ctx, "redis takes calls again", "operation", operation, "after", time.Since(outage).Round(time.Millisecond))
	case err != nil && ctx.Err() != nil && !errors.Is(last, err):
		err = fmt.Errorf("%w, after: %w", err, last)
	}
	if err != nil {
		return fmt.Errorf("redis: %s: %w", operation, err)
	}
	return nil
}

func (s *Store) backoff() backoff.BackOff {
	b := backoff.NewExponentialBackOff()
	b.InitialInterval = 20 * time.Millisecond
	b.MaxInterval = 2 * time.Second
	return b
}

func (s *Store) count(operation string, err error) {
	if s.options.OnError != nil {
		s.options.OnError(operation, err)
	}
}

// hopeless are beginnings of Redis errors that waiting does not mend: rights,
// keys of another type, scripts and commands that the server refuses.
var hopeless = []string{"NOAUTH", "NOPERM", "WRONGPASS", "WRONGTYPE", "CROSSSLOT", "NOPROTO", "ERR "}

// permanent tells whether trying again is of no use. A Redis that is away,
// loading, read-only, out of memory or without its cluster comes back.
func permanent(err error) bool {
	for _, final := range []error{pipeline.ErrFenced, pipeline.ErrStateLost, ErrSettings, errProtocol, redis.ErrClosed} {
		if errors.Is(err, final) {
			return true
		}
	}
	var refused redis.Error
	if !errors.As(err, &refused) {
		return false
	}
	message := refused.Error()
	if strings.HasPrefix(message, "ERR max number of clients") {
		return false
	}
	for _, prefix := range hopeless {
		if strings.HasPrefix(message, prefix) && !passing(message) {
			return true
		}
	}
	return false
}

// passing tells whether an ERR reports, from within a script, what does pass:
// Redis before 7 wraps the errors of a script's commands.
func passing(message string) bool {
	for _, word := range []string{"OOM ", "READONLY ", "LOADING ", "MISCONF ", "NOREPLICAS ", "CLUSTERDOWN ", "max number of clients"} {
		if strings.Contains(message, word) {
			return true
		}
	}
	return false
}
