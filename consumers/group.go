package consumers

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"sync"
	"sync/atomic"
	"time"

	"github.com/segmentio/kafka-go"

	"github.com/grapevinehq/grapevine/pipeline"
)

// rejoinPause is how long a member waits after a failed join.
const rejoinPause = 500 * time.Millisecond

// Handler works one assigned partition. Its ctx ends when the partition may
// belong to somebody else: it must return then, at once. It should return nil
// when the worker is asked to stop, after its batch in flight; how it learns of
// that is its own affair (the context given to [Group.Run], for instance).
//
// An ErrStateLost or ErrOffsetsLost stops the whole group. ErrFenced makes the
// member join anew. After any other error the handler is called again, later.
type Handler func(ctx context.Context, source pipeline.Source) error

// Group is this worker's membership in the consumer group over all inputs.
type Group struct {
	cluster  *Cluster
	topics   []string // in Kafka
	balancer *balancer
	log      *slog.Logger
	known    map[string]Topic     // the topics as first seen: they must not change
	missed   map[string]time.Time // those that Kafka does not tell of any more, since when
	assigned atomic.Int64         // partitions of the present generation; -1 between generations
}

// NewGroup makes a member of the group over the inputs (contract's names; none: all of [Inputs]).
func NewGroup(cluster *Cluster, inputs ...string) (*Group, error) {
	if cluster.options.Group == "" {
		return nil, errors.New("kafka.group is empty: name the consumer group")
	}
	if len(inputs) == 0 {
		inputs = Inputs()
	}
	group := &Group{
		cluster:  cluster,
		topics:   cluster.options.Names.all(inputs),
		balancer: &balancer{},
		log:      cluster.options.Log.With("group", cluster.options.Group),
		known:    make(map[string]Topic),
		missed:   make(map[string]time.Time),
	}
	group.assigned.Store(-1)
	return group, nil
}

// Assigned is the number of partitions that the member has at present; -1 while
// it is in no generation of the group.
func (g *Group) Assigned() int { return int(g.assigned.Load()) }

// Run joins the group and has every partition that it is assigned handled, over
// all generations, until ctx ends or a handler fails for good. A Kafka that is
// away is waited for. When ctx ends, handlers have the grace of the options to
// return by themselves; then the member leaves the group, so that the others
// take over at once, and Run returns nil.
func (g *Group) Run(ctx context.Context, handle Handler) error {
	conns := &connections{}
	defer conns.closeAll()
	membership, err := kafka.NewConsumerGroup(g.config(conns))
	if err != nil {
		return fmt.Errorf("join the consumer group: %w", err)
	}
	err = g.generations(ctx, membership, handle)
	closed := time.AfterFunc(g.cluster.options.RequestTimeout, conns.closeAll) // a join may hang as long as a rebalance
	defer closed.Stop()
	return errors.Join(err, membership.Close())
}

func (g *Group) config(conns *connections) kafka.ConsumerGroupConfig {
	o := g.cluster.options
	dialer := *g.cluster.dialer
	dialer.DialFunc = conns.dial(&net.Dialer{Timeout: o.RequestTimeout})
	return kafka.ConsumerGroupConfig{
		ID:                o.Group,
		Brokers:           o.Brokers,
		Dialer:            &dialer,
		Topics:            g.topics,
		GroupBalancers:    []kafka.GroupBalancer{g.balancer},
		HeartbeatInterval: o.Heartbeat,
		SessionTimeout:    o.SessionTimeout,
		RebalanceTimeout:  o.RebalanceTimeout,
		JoinGroupBackoff:  rejoinPause,
		Timeout:           o.RequestTimeout,
		StartOffset:       kafka.FirstOffset,
	}
}

func (g *Group) generations(ctx context.Context, membership *kafka.ConsumerGroup, handle Handler) error {
	for {
		next, err := membership.Next(ctx)
		if ctx.Err() != nil {
			return nil
		}
		if err != nil {
			if err := g.joinFailed(err); err != nil {
				return err
			}
			continue
		}
		g.balancer.remember(next.ID, next.Assignments)
		g.assigned.Store(partitionsOf(next.Assignments))
		stop, err := g.live(ctx, next, handle)
		g.assigned.Store(-1)
		if stop || err != nil {
			return err
		}
	}
}

func partitionsOf(assignments map[string][]kafka.PartitionAssignment) (n int64) {
	for _, of := range assignments {
		n += int64(len(of))
	}
	return n
}

// live runs one generation to its end, and tells whether to stop then. The
// generation's only function returns when all handlers have: kafka-go rejoins
// after it. When the worker stops it also waits for the membership to be closed,
// or the member would rejoin before it leaves.
func (g *Group) live(ctx context.Context, next *kafka.Generation, handle Handler) (stop bool, err error) {
	ended := make(chan error, 1)
	rejoin := make(chan struct{})
	next.Start(func(over context.Context) {
		ended <- g.generation(ctx, over, next, handle)
		select {
		case <-rejoin:
		case <-over.Done():
		}
	})
	err = <-ended
	stop = ctx.Err() != nil
	if !stop && err == nil {
		close(rejoin)
	}
	return stop, err
}

// refusals are the answers to a join that no waiting will change.
var refusals = map[kafka.Error]string{
	kafka.GroupAuthorizationFailed:  "allow this user to read the group",
	kafka.TopicAuthorizationFailed:  "allow this user to read the topics",
	kafka.SASLAuthenticationFailed:  "check kafka.sasl",
	kafka.UnsupportedSASLMechanism:  "check kafka.sasl.mechanism",
	kafka.InvalidSessionTimeout:     "keep the session timeout within the broker's group.min.session.timeout.ms and group.max.session.timeout.ms",
	kafka.InvalidGroupId:            "check kafka.group",
	kafka.InconsistentGroupProtocol: "another program is a member of this group: give Grapevine a group of its own",
}

// joinFailed says what is waited for, or returns the error when waiting is no use.
func (g *Group) joinFailed(err error) error {
	for code, remedy := range refusals {
		if errors.Is(err, code) {
			return fmt.Errorf("join consumer group %s: %w: %s", g.cluster.options.Group, err, remedy)
		}
	}
	waiting := "Kafka to answer"
	switch {
	case errors.Is(err, kafka.GroupCoordinatorNotAvailable), errors.Is(err, kafka.NotCoordinatorForGroup), errors.Is(err, kafka.GroupLoadInProgress):
		waiting = "the broker to make its group coordinator ready"
	case errors.Is(err, kafka.RebalanceInProgress):
		waiting = "the group to rebalance"
	}
	g.log.Info("waiting to join the consumer group", "waiting_for", waiting, "error", err)
	return nil
}

// connections are those of the membership, which kafka-go would not let go of
// while it waits for an answer.
type connections struct {
	mu   sync.Mutex
	open map[net.Conn]bool
}

func (c *connections) dial(dialer *net.Dialer) func(context.Context, string, string) (net.Conn, error) {
	return func(ctx context.Context, network, address string) (net.Conn, error) {
		conn, err := dialer.DialContext(ctx, network, address)
		if err != nil {
			return nil, err
		}
		c.mu.Lock()
		defer c.mu.Unlock()
		if c.open == nil {
			c.open = make(map[net.Conn]bool)
		}
		c.open[conn] = true
		return &connection{Conn: conn, of: c}, nil
	}
}

func (c *connections) closeAll() {
	c.mu.Lock()
	defer c.mu.Unlock()
	for conn := range c.open {
		conn.Close() //nolint:errcheck // given up
	}
	clear(c.open)
}

type connection struct {
	net.Conn
	of *connections
}

func (c *connection) Close() error {
	c.of.mu.Lock()
	delete(c.of.open, c.Conn)
	c.of.mu.Unlock()
	return c.Conn.Close()
}
