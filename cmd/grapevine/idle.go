package main

import (
	"context"
	"log/slog"
	"time"

	"github.com/grapevinehq/grapevine/consumers"
)

// idlePoll is how often the group's lag is looked at.
const idlePoll = 300 * time.Millisecond

// waitIdle returns when every input is consumed and every effect written: all
// partitions are acknowledged to their end, twice in a row with the same ends.
// What a batch publishes is in Kafka before the batch is acknowledged, so
// nothing can be on its way between two such looks.
func waitIdle(ctx context.Context, cluster *consumers.Cluster, log *slog.Logger) error {
	ticker := time.NewTicker(idlePoll)
	defer ticker.Stop()
	var before []consumers.Lag
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
		if consumed(lags) && sameEnds(before, lags) {
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

func sameEnds(a, b []consumers.Lag) bool {
	if len(a) != len(b) {
		return false
	}
	for i := range a {
		if a[i].End != b[i].End || a[i].Committed != b[i].Committed {
			return false
		}
	}
	return true
}
