package consumers

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/segmentio/kafka-go"

	"github.com/grapevinehq/grapevine/pipeline"
)

// topicWatch is how often the topics are compared with what they were.
const topicWatch = 5 * time.Second

// goneAfter is how long a topic must be missing before it counts as deleted: a
// broker that has just started may not know of it yet.
const goneAfter = 3 * topicWatch

// finishing is how long a rebalance waits for the batches in flight of this member. What
// is finished need not be done again by whoever has the partition next; but all others
// stand still meanwhile. It never outlasts the lease.
const finishing = 2 * time.Second

// errStopped ends the handlers of a worker whose grace is over.
var errStopped = errors.New("the worker stops")

// generation handles the assignments of one generation, and returns when every
// handler has: nil to go on with the next generation, or the error to stop with.
// stop is the worker's own context, over the generation's: that ends as soon as the
// group rebalances. Until this member joins anew, its partitions are given to nobody.
func (g *Group) generation(stop, over context.Context, next *kafka.Generation, handle Handler) error {
	ctx, cancel := context.WithCancelCause(context.WithoutCancel(stop))
	defer cancel(nil)
	defer g.afterGrace(stop, cancel)()

	held := &lease{cluster: g.cluster, member: member{id: next.MemberID, generation: next.ID}}
	topics, err := g.begin(stop, ctx, over, held)
	if err != nil {
		return verdict(err)
	}
	w := &working{ctx: ctx, cancel: cancel, group: g, lease: held, handle: handle}
	w.going, w.end = context.WithCancelCause(ctx)
	defer context.AfterFunc(stop, func() { w.end(errStopped) })()
	rebalances, rebalance := context.WithCancel(ctx)
	defer rebalance()
	defer context.AfterFunc(over, rebalance)()
	w.background(func() error { return held.keep(ctx, rebalance) })
	w.background(func() error { return w.giveUp(rebalances) })
	w.background(func() error { return g.watchTopics(ctx) })
	count := w.assign(next.Assignments, topics)
	g.log.Info("joined the consumer group", "generation", next.ID, "member", next.MemberID, "partitions", count)
	<-w.going.Done()
	w.handlers.Wait()
	cancel(context.Cause(w.going))
	w.others.Wait()
	g.log.Info("generation ended", "generation", next.ID, "cause", context.Cause(ctx))
	return verdict(context.Cause(ctx))
}

// afterGrace cancels the handlers some time after the worker was asked to stop.
func (g *Group) afterGrace(stop context.Context, cancel context.CancelCauseFunc) (undo func()) {
	var timer *time.Timer
	var mu sync.Mutex
	var returned bool
	undone := context.AfterFunc(stop, func() {
		mu.Lock()
		defer mu.Unlock()
		timer = time.AfterFunc(g.cluster.options.Grace, func() {
			mu.Lock()
			defer mu.Unlock()
			if returned {
				return
			}
			g.log.Warn("the time to finish batches in flight is over: whoever takes the partitions over finishes them", "after", g.cluster.options.Grace)
			cancel(errStopped)
		})
	})
	return func() {
		undone()
		mu.Lock()
		defer mu.Unlock()
		if returned = true; timer != nil {
			timer.Stop()
		}
	}
}

// begin takes the first lease and checks the topics, until both succeed or the
// generation is over.
func (g *Group) begin(stop, ctx, over context.Context, held *lease) (map[string]Topic, error) {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	defer context.AfterFunc(stop, func() { cancel(errStopped) })()
	defer context.AfterFunc(over, func() { cancel(held.member.over()) })()
	retry := backoff{first: 50 * time.Millisecond, most: time.Second}
	for {
		err := held.heartbeat(ctx)
		if err == nil {
			var topics map[string]Topic
			if topics, err = g.checkTopics(ctx); err == nil {
				return topics, nil
			}
		}
		if errors.Is(err, pipeline.ErrFenced) || errors.Is(err, pipeline.ErrOffsetsLost) {
			return nil, err
		}
		g.log.Warn("waiting for Kafka to tell of the topics", "error", err)
		if err := retry.wait(ctx); err != nil {
			return nil, err
		}
	}
}

// verdict keeps of the reasons to end a generation only those that end the group.
func verdict(err error) error {
	if lost(err) {
		return err
	}
	return nil
}

// lost tells whether a person must mend something.
func lost(err error) bool {
	return errors.Is(err, pipeline.ErrStateLost) || errors.Is(err, pipeline.ErrOffsetsLost)
}

// beginAnew is what is left to do where a topic no longer is what was read of it.
const beginAnew = "begin a new installation (kafka.group, Redis and clickhouse.database of its own)"

// checkTopics compares the topics with how they were first seen.
func (g *Group) checkTopics(ctx context.Context) (map[string]Topic, error) {
	topics, err := g.cluster.Describe(ctx, g.topics...)
	if err != nil {
		return nil, err
	}
	for _, name := range g.topics {
		now, there := topics[name]
		was, known := g.known[name]
		switch {
		case !there && known:
			return nil, g.missing(name)
		case !there:
			return nil, fmt.Errorf("topic %s does not exist: create it, or let `grapevine run` do so", name)
		case !known:
			g.known[name] = now
		case was.Incarnation != now.Incarnation:
			return nil, fmt.Errorf("%w: topic %s was made anew (its id was %s, now %s): its offsets begin again, and what was counted would be counted twice; %s", pipeline.ErrOffsetsLost, name, was.Incarnation, now.Incarnation, beginAnew)
		case was.Partitions != now.Partitions:
			return nil, fmt.Errorf("%w: topic %s has %d partitions now, it had %d: keys have moved to partitions that do not remember them; write to a topic with %d partitions, or %s", pipeline.ErrOffsetsLost, name, now.Partitions, was.Partitions, was.Partitions, beginAnew)
		}
		delete(g.missed, name)
	}
	return topics, nil
}

// missing is what it means that Kafka does not tell of a topic that it told of
// before.
func (g *Group) missing(name string) error {
	since, missed := g.missed[name]
	if !missed {
		since = time.Now()
		g.missed[name] = since
	}
	if time.Since(since) < goneAfter {
		return fmt.Errorf("topic %s is not there any more, as it seems", name)
	}
	return fmt.Errorf("%w: topic %s is gone; make it anew and start over with `grapevine rebuild`", pipeline.ErrOffsetsLost, name)
}

// watchTopics notices in mid-run what checkTopics refuses.
func (g *Group) watchTopics(ctx context.Context) error {
	ticker := time.NewTicker(topicWatch)
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-ticker.C:
		}
		_, err := g.checkTopics(ctx)
		if errors.Is(err, pipeline.ErrOffsetsLost) {
			return err
		}
		if err != nil && ctx.Err() == nil {
			g.log.Warn("cannot compare the topics with what they were", "error", err)
		}
	}
}

// working is one generation's handlers, and what goes on beside them.
type working struct {
	ctx      context.Context
	cancel   context.CancelCauseFunc
	going    context.Context // within ctx: until no further batch shall be begun
	end      context.CancelCauseFunc
	group    *Group
	lease    *lease
	handle   Handler
	handlers sync.WaitGroup
	others   sync.WaitGroup
}

// background runs until ctx ends; its error ends the generation.
func (w *working) background(f func() error) {
	w.others.Go(func() {
		if err := f(); err != nil {
			w.cancel(err)
		}
	})
}

// giveUp has the batches in flight finished when the group rebalances, for a while.
func (w *working) giveUp(rebalances context.Context) error {
	<-rebalances.Done()
	over := w.lease.member.over()
	w.end(over)
	if pause(w.ctx, min(finishing, time.Until(w.lease.until()))) != nil || w.ctx.Err() != nil {
		return nil
	}
	w.group.log.Info("the time to finish batches in flight is over: the group waits for this worker", "generation", w.lease.member.generation)
	return over
}

// assign starts a handler for every partition and tells how many there are.
func (w *working) assign(assignments map[string][]kafka.PartitionAssignment, topics map[string]Topic) (count int) {
	for name, assigned := range assignments {
		for _, p := range assigned {
			count++
			s := &source{
				cluster:   w.group.cluster,
				partition: pipeline.Partition{Topic: name, Incarnation: topics[name].Incarnation, ID: p.ID},
				member:    w.lease.member,
				lease:     w.lease,
				ending:    w.going.Done(),
				keys:      make(map[string]string),
			}
			w.handlers.Go(func() { w.work(s) })
		}
	}
	return count
}

// work calls the handler, again after an error that may pass.
func (w *working) work(s *source) {
	log := w.group.log.With("topic", s.partition.Topic, "partition", s.partition.ID)
	retry := backoff{first: 200 * time.Millisecond, most: 10 * time.Second}
	for {
		began := time.Now()
		err := w.handle(w.ctx, s)
		switch {
		case err == nil, w.going.Err() != nil && !lost(err):
			return
		case lost(err):
			w.cancel(fmt.Errorf("%s: %w", s.partition, err))
			return
		case errors.Is(err, pipeline.ErrFenced):
			log.Warn("fenced", "generation", s.member.generation, "error", err)
			w.rejoin(err)
			return
		}
		if time.Since(began) > retry.most {
			retry.reset()
		}
		log.Error("the partition's work failed, trying again", "error", err)
		if retry.wait(w.going) != nil {
			return
		}
	}
}

// rejoin ends the generation after a fence, once our heartbeats had time to
// learn the reason from Kafka.
func (w *working) rejoin(err error) {
	if pause(w.going, 2*w.group.cluster.options.Heartbeat) == nil {
		w.cancel(err)
	}
}
