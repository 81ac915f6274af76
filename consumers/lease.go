package consumers

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"
	"time"

	"github.com/segmentio/kafka-go"

	"github.com/grapevinehq/grapevine/pipeline"
)

// minSession is the shortest session that leaves a lease worth having.
const minSession = 2 * time.Second

// leaseMargin is how much earlier a lease ends than the session could: a sixth
// of it, two and a half seconds at least, or half of a session shorter than five. It is for the difference between the
// clocks of this machine and of ClickHouse (two seconds are allowed at start), and
// for the time that Kafka's own timer runs ahead.
func leaseMargin(session time.Duration) time.Duration {
	return max(session/6, min(2500*time.Millisecond, session/2))
}

// lease is the time until which nobody else can own this member's partitions
// unless the member gives them up itself.
//
// The group's coordinator drops a member that was silent for the session
// timeout, counted from when it *received* the last heartbeat, which is later
// than when that was *sent*. A rebalance waits for every member until the
// rebalance timeout, which is no shorter. So the last acknowledged heartbeat's
// sending time plus the session timeout is safe, and the margin comes off. What
// the member gives up itself (it rejoins, it leaves), it does only after all its
// handlers have returned.
//
// kafka-go's own heartbeats keep the membership but tell nobody when they were
// acknowledged, so we send ours beside them.
type lease struct {
	cluster *Cluster
	member  member
	ends    atomic.Int64 // ns since the epoch: wall time, for another machine compares it
}

func (l *lease) until() time.Time { return time.Unix(0, l.ends.Load()) }

// heartbeat sends one, and renews the lease when it is acknowledged. ErrFenced:
// the generation is over.
func (l *lease) heartbeat(ctx context.Context) error {
	sent := time.Now()
	o := l.cluster.options
	err := l.cluster.heartbeat(ctx, l.member, min(o.RequestTimeout, o.SessionTimeout/2))
	if err != nil {
		return fmt.Errorf("heartbeat of %s in generation %d: %w", l.member.id, l.member.generation, fenced(err))
	}
	l.ends.Store(sent.Add(o.SessionTimeout - leaseMargin(o.SessionTimeout)).UnixNano())
	return nil
}

// keep renews the lease until ctx ends or Kafka says that the generation is
// over, which it returns. While the group rebalances, the member stays in it by its
// heartbeats, but the lease is renewed no more. Any other failure only leaves the
// lease to run out.
func (l *lease) keep(ctx context.Context, rebalance func()) error {
	ticker := time.NewTicker(l.cluster.options.Heartbeat)
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-ticker.C:
		}
		err := l.heartbeat(ctx)
		if errors.Is(err, kafka.RebalanceInProgress) {
			rebalance()
			continue
		}
		if errors.Is(err, pipeline.ErrFenced) {
			return err
		}
		if err != nil && ctx.Err() == nil {
			l.cluster.options.Log.Warn("heartbeat failed", "error", err, "lease_ends", l.until())
		}
	}
}
