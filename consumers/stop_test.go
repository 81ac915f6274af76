package consumers_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/grapevinehq/grapevine/consumers"
	"github.com/grapevinehq/grapevine/pipeline"
)

// A batch in flight is finished, with its commit, before the member leaves.
func TestGroup_lets_a_batch_in_flight_finish(t *testing.T) {
	b, _ := faulty(t)
	b.create(1)
	group, err := consumers.NewGroup(b.cluster, consumers.Clicks)
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(t.Context())
	var committed error
	err = group.Run(ctx, func(hard context.Context, source pipeline.Source) error {
		stop()
		if pauseErr := sleep(hard, 2*consumers.MaxHeartbeat); pauseErr != nil {
			return pauseErr
		}
		committed = source.Commit(hard, 0, "finished")
		return nil
	})
	if err != nil || committed != nil {
		t.Errorf("%v, commit: %v", err, committed)
	}
	if lags, err := b.cluster.Lags(t.Context(), consumers.Clicks); err != nil || lags[0].Metadata != "finished" {
		t.Errorf("%+v, %v", lags, err)
	}
}

func TestGroup_ends_a_batch_whose_grace_is_over(t *testing.T) {
	b, _ := faulty(t)
	b.create(1)
	b.options.Grace = 50 * time.Millisecond
	group, err := consumers.NewGroup(b.open(), consumers.Clicks)
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(t.Context())
	var ended error
	err = group.Run(ctx, func(hard context.Context, _ pipeline.Source) error {
		stop()
		<-hard.Done()
		ended = context.Cause(hard)
		return ended
	})
	if err != nil || ended == nil || errors.Is(ended, pipeline.ErrFenced) {
		t.Errorf("%v, the handler's context: %v", err, ended)
	}
}

func TestGroup_stops_while_Kafka_is_away(t *testing.T) {
	b, c := faulty(t)
	b.create(1)
	w := b.join(consumers.Clicks)
	s := w.source(consumers.Clicks, 0)
	c.Close()
	awaitEnd(t, s.ctx)
	w.leave()
	if w.err != nil {
		t.Error(w.err)
	}
}

func TestGroup_without_partitions_stops(t *testing.T) {
	b, _ := faulty(t)
	b.create(1)
	one, two := b.join(consumers.Clicks), b.join(consumers.Clicks)
	holder := func() *worker {
		for {
			for _, w := range []*worker{one, two} {
				w.mu.Lock()
				n := len(w.held)
				w.mu.Unlock()
				if n > 0 {
					return w
				}
			}
		}
	}
	first := holder()
	other := one
	if first == one {
		other = two
	}
	other.leave()
	first.awaitCount(1)
}

func sleep(ctx context.Context, d time.Duration) error {
	select {
	case <-ctx.Done():
		return context.Cause(ctx)
	case <-time.After(d):
		return nil
	}
}

func TestFetch_and_Publish_follow_a_leader_that_moves(t *testing.T) {
	broker, err := kfake.NewCluster(kfake.NumBrokers(3))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(broker.Close)
	b := newBed(t, strings.Join(broker.ListenAddrs(), ","))
	b.options.Brokers = broker.ListenAddrs()
	b.cluster = b.open()
	b.create(1)
	name := b.options.Names.Kafka(consumers.Clicks)
	s := b.join(consumers.Clicks).source(consumers.Clicks, 0)
	for i := range int32(3) {
		if err := broker.MoveTopicPartition(name, 0, i); err != nil {
			t.Fatal(err)
		}
		b.publish(pipeline.Message{Topic: consumers.Clicks, Value: fmt.Append(nil, i)})
		var got string
		for got == "" {
			chunk, err := s.source.Fetch(s.ctx, int64(i), 1<<20, 0)
			if err != nil {
				t.Log(err) // it may take longer than one call tries
				continue
			}
			got = values(chunk.Records)
		}
		if got != fmt.Sprint(i) {
			t.Errorf("read %q, want %d", got, i)
		}
	}
}

// Java's producer and ours send a key to the same partition.
func TestPublish_partitions_as_Java_does(t *testing.T) {
	b, _ := faulty(t)
	b.create(7)
	other, err := kgo.NewClient(kgo.SeedBrokers(b.addr), kgo.RecordPartitioner(kgo.StickyKeyPartitioner(nil))) // "the default partitioner from the Java client"
	if err != nil {
		t.Fatal(err)
	}
	defer other.Close()
	var theirs []*kgo.Record
	var ours []pipeline.Message
	for i := range 200 {
		key := strings.Repeat("é", i%9) + fmt.Sprint(i)
		if i == 0 {
			key = ""
		}
		theirs = append(theirs, &kgo.Record{Topic: b.options.Names.Kafka(consumers.Clicks), Key: []byte(key)})
		ours = append(ours, pipeline.Message{Topic: consumers.Members, Key: []byte(key)})
	}
	if err := other.ProduceSync(t.Context(), theirs...).FirstErr(); err != nil {
		t.Fatal(err)
	}
	b.publish(ours...)
	partition := make(map[string]int32)
	for _, r := range b.readAll(consumers.Clicks) {
		partition[string(r.Key)] = r.Partition
	}
	for _, r := range b.readAll(consumers.Members) {
		if want := partition[string(r.Key)]; r.Partition != want {
			t.Errorf("key %q is in partition %d, want %d", r.Key, r.Partition, want)
		}
	}
}

func TestPublish_spreads_messages_without_a_key(t *testing.T) {
	b, _ := faulty(t)
	b.create(4)
	b.publish(make4(consumers.Rewards)...)
	seen := make(map[int32]bool)
	for _, r := range b.readAll(consumers.Rewards) {
		if r.Key != nil {
			t.Errorf("key %q", r.Key)
		}
		seen[r.Partition] = true
	}
	if len(seen) != 4 {
		t.Errorf("partitions %v", seen)
	}
}

func make4(topic string) []pipeline.Message {
	return []pipeline.Message{{Topic: topic}, {Topic: topic}, {Topic: topic}, {Topic: topic}}
}
