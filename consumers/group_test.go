package consumers_test

import (
	"context"
	"errors"
	"fmt"
	"net"
	"testing"
	"time"

	"github.com/segmentio/kafka-go"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/grapevinehq/grapevine/consumers"
	"github.com/grapevinehq/grapevine/pipeline"
)

func init() {
	conformance["two members share the partitions of every topic"] = twoMembersShare
	conformance["a zombie cannot commit"] = zombieRefused
	conformance["a lease is renewed, and ends with the membership"] = leaseEnds
	conformance["who leaves is replaced at once"] = leaverReplaced
	conformance["who dies while joining keeps no partitions"] = dyingJoiner
	conformance["a lost state stops the group"] = lostStateStops
	conformance["a fenced handler is called again in a later generation"] = fencedRejoins
	conformance["a failed handler is called again"] = failedCalledAgain
	conformance["a topic made anew is another"] = madeAnew
	conformance["a topic made anew stops the group"] = madeAnewStops
}

func twoMembersShare(t *testing.T, b *bed) {
	b.create(4)
	one := b.join()
	one.awaitCount(20)
	before := one.source(consumers.Clicks, 0)
	two := b.join()
	one.awaitCountAfter(before.source.Generation(), 10)
	two.awaitCountAfter(before.source.Generation(), 10)
	wantError(t, context.Cause(before.ctx), pipeline.ErrFenced)
	for _, w := range []*worker{one, two} {
		for _, topic := range consumers.Inputs() {
			n := 0
			for i := range 4 {
				w.mu.Lock()
				_, held := w.held[fmt.Sprintf("%s/%d", topic, i)]
				w.mu.Unlock()
				if held {
					n++
				}
			}
			if n != 2 {
				t.Errorf("a member holds %d of the 4 partitions of %s, want 2", n, topic)
			}
		}
	}
	after := one.anySource()
	if after.source.Generation() <= before.source.Generation() {
		t.Errorf("generation %d follows %d", after.source.Generation(), before.source.Generation())
	}
}

func (w *worker) anySource() (found assigned) {
	w.await("any partition", func(held map[string]assigned) bool {
		for _, found = range held {
			return true
		}
		return false
	})
	return found
}

func zombieRefused(t *testing.T, b *bed) {
	b.create(1)
	old := b.join(consumers.Clicks).source(consumers.Clicks, 0)
	if err := old.source.Commit(old.ctx, 1, "one"); err != nil {
		t.Fatal(err)
	}
	b.join(consumers.Clicks) // a second member makes another generation
	awaitEnd(t, old.ctx)
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	for { // while members rejoin, the last generation's commits may still be taken
		err := old.source.Commit(ctx, 1, "zombie")
		if errors.Is(err, pipeline.ErrFenced) {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	wantError(t, old.source.Commit(ctx, 99, "zombie"), pipeline.ErrFenced)
	if offset, _, err := old.source.Committed(ctx); err != nil || offset != 1 {
		t.Errorf("committed %d, %v; want 1", offset, err)
	}
}

func leaseEnds(t *testing.T, b *bed) {
	b.create(1)
	w := b.join(consumers.Clicks)
	s := w.source(consumers.Clicks, 0)
	first := s.source.Lease()
	for deadline := time.Now().Add(10 * time.Second); !s.source.Lease().After(first); time.Sleep(20 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatal("the lease is not renewed")
		}
	}
	w.leave()
	last := s.source.Lease()
	if left := time.Until(last); left > consumers.DefaultSessionTimeout-time.Second {
		t.Errorf("after leaving, the lease ends in %s", left)
	}
	time.Sleep(2 * consumers.DefaultHeartbeat)
	if s.source.Lease() != last {
		t.Error("the lease is renewed after leaving")
	}
	wantError(t, s.source.Commit(t.Context(), 1, ""), pipeline.ErrFenced)
}

func leaverReplaced(t *testing.T, b *bed) {
	b.create(4)
	one, two := b.join(consumers.Clicks), b.join(consumers.Clicks)
	one.awaitCount(2)
	two.awaitCount(2)
	began := time.Now()
	one.leave()
	two.awaitCount(4)
	if took := time.Since(began); took > consumers.DefaultSessionTimeout/2 {
		t.Errorf("the partitions moved after %s only", took)
	}
	if one.err != nil {
		t.Errorf("left with %v", one.err)
	}
}

// run runs a group with a handler of the test's own.
func (b *bed) run(handle consumers.Handler) error {
	b.t.Helper()
	group, err := consumers.NewGroup(b.cluster, consumers.Clicks)
	if err != nil {
		b.t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(b.t.Context(), 40*time.Second)
	defer cancel()
	return group.Run(ctx, handle)
}

// The connection of a member that joins breaks before the group has answered.
func dyingJoiner(t *testing.T, b *bed) {
	b.create(4)
	one := b.join(consumers.Clicks)
	one.awaitCount(4)
	before := one.source(consumers.Clicks, 0)

	join := kmsg.NewPtrJoinGroupRequest()
	join.Version, join.Group, join.ProtocolType = 2, b.options.Group, "consumer"
	join.SessionTimeoutMillis, join.RebalanceTimeoutMillis = 6000, 30_000
	protocol := kmsg.NewJoinGroupRequestProtocol()
	protocol.Name = "grapevine-1"
	subscribed := kmsg.NewConsumerMemberMetadata()
	subscribed.Topics = []string{b.options.Names.Kafka(consumers.Clicks)}
	protocol.Metadata = subscribed.AppendTo(nil)
	join.Protocols = append(join.Protocols, protocol)
	conn, err := net.Dial("tcp", b.addr)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := conn.Write(kmsg.NewRequestFormatter().AppendRequest(nil, join, 1)); err != nil {
		t.Fatal(err)
	}
	time.Sleep(100 * time.Millisecond) // the others learn of it with their next heartbeat only
	conn.Close()

	awaitEnd(t, before.ctx)
	one.awaitCountAfter(before.source.Generation()+1, 4)
}

func lostStateStops(t *testing.T, b *bed) {
	b.create(2)
	err := b.run(func(ctx context.Context, source pipeline.Source) error {
		if source.Partition().ID == 0 {
			return fmt.Errorf("look up: %w", pipeline.ErrStateLost)
		}
		<-ctx.Done()
		return nil
	})
	wantError(t, err, pipeline.ErrStateLost)
}

func fencedRejoins(t *testing.T, b *bed) {
	b.create(1)
	generations := make(map[int32]bool)
	done := errors.Join(pipeline.ErrStateLost) // the quickest way out
	err := b.run(func(_ context.Context, source pipeline.Source) error {
		generations[source.Generation()] = true
		if len(generations) == 2 {
			return done
		}
		return pipeline.ErrFenced
	})
	wantError(t, err, pipeline.ErrStateLost)
}

func failedCalledAgain(t *testing.T, b *bed) {
	b.create(1)
	var calls int
	var generation int32
	err := b.run(func(_ context.Context, source pipeline.Source) error {
		if calls++; calls == 1 {
			generation = source.Generation()
			return errors.New("something that passes")
		}
		if generation != source.Generation() {
			t.Errorf("called again in generation %d, not %d", source.Generation(), generation)
		}
		return pipeline.ErrStateLost
	})
	wantError(t, err, pipeline.ErrStateLost)
	if calls != 2 {
		t.Errorf("called %d times", calls)
	}
}

func (b *bed) delete(topic string) {
	b.t.Helper()
	transport := &kafka.Transport{}
	defer transport.CloseIdleConnections()
	client := &kafka.Client{Addr: kafka.TCP(b.addr), Transport: transport}
	answer, err := client.DeleteTopics(b.t.Context(), &kafka.DeleteTopicsRequest{Topics: []string{topic}})
	if err != nil || answer.Errors[topic] != nil {
		b.t.Fatal(err, answer)
	}
	for {
		described, err := b.cluster.Describe(b.t.Context(), topic)
		if err != nil {
			b.t.Fatal(err)
		}
		if len(described) == 0 {
			return
		}
	}
}

func (b *bed) incarnation(topic string) string {
	b.t.Helper()
	described, err := b.cluster.Describe(b.t.Context(), topic)
	if err != nil {
		b.t.Fatal(err)
	}
	return described[topic].Incarnation
}

func madeAnew(t *testing.T, b *bed) {
	b.create(1)
	clicks := b.options.Names.Kafka(consumers.Clicks)
	before := b.incarnation(clicks)
	if again := b.incarnation(clicks); again != before || len(before) != 32 {
		t.Fatalf("incarnation %q, then %q", before, again)
	}
	b.delete(clicks)
	b.create(1)
	after := b.incarnation(clicks)
	if after == before {
		t.Errorf("the topic made anew has incarnation %q too", after)
	}
	if got := b.join(consumers.Clicks).source(consumers.Clicks, 0).source.Partition().Incarnation; got != after {
		t.Errorf("the partition is of incarnation %q, want %q", got, after)
	}
}

func madeAnewStops(t *testing.T, b *bed) {
	b.create(1)
	clicks := b.options.Names.Kafka(consumers.Clicks)
	replaced := false
	err := b.run(func(ctx context.Context, _ pipeline.Source) error {
		if !replaced {
			replaced = true
			b.delete(clicks)
			b.create(1)
		}
		<-ctx.Done()
		return nil
	})
	wantError(t, err, pipeline.ErrOffsetsLost)
}
