package main

import (
	"context"
	"log/slog"
	"slices"
	"time"

	"github.com/grapevinehq/grapevine/consumers"
)

// idlePoll is how often the group's lag is looked at.
const idlePoll = 300 * time.Millisecond

// waitIdle returns when every input is consumed, every effect written and
// everything done that is due by the clock: all partitions are acknowledged to
// their end, and since that was last seen to change each partition of this worker
// was found to have nothing to do. What a batch publishes is in Kafka before the
// batch is acknowledged, so nothing can be on its way then.
func waitIdle(ctx context.Context, cluster *consumers.Cluster, rests func(since time.Time) bool, log *slog.Logger) error {
	ticker := time.NewTicker(idlePoll)
	defer ticker.Stop()
	var before []consumers.Lag
	var changed time.Time
	for {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-ticker.C:
		}
		lags, err := cluster.Lags(ctx)
		if err != nil {
			log.Warn("cannot tell yet whether everything is consumed", "error", err)
			before = nil
			continue
		}
		switch {
		case !consumed(lags) || !sameStanding(before, lags):
			changed = time.Now()
		case rests(changed):
			return nil
		}
		before = lags
	}
}

func consumed(lags []consumers.Lag) bool {
	for _, l := range lags {
		if l.Committed < l.End {
			return false
		}
	}
	return true
}

// sameStanding tells whether no partition has moved, batches by the clock
// included: they stand in the metadata of the commits.
func sameStanding(a, b []consumers.Lag) bool { return slices.Equal(a, b) }
