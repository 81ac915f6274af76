package consumers_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/grapevinehq/grapevine/consumers"
	"github.com/grapevinehq/grapevine/internal/engine"
	"github.com/grapevinehq/grapevine/internal/enginetest"
	"github.com/grapevinehq/grapevine/pipeline"
)

// faulty gives a bed on a broker whose faults the test chooses.
func faulty(t *testing.T) (*bed, *kfake.Cluster) {
	k := enginetest.Kafka(t)
	return newBed(t, k.Addr), k.Faults()
}

// answerFetches replaces the answers to the next fetches.
func answerFetches(c *kfake.Cluster, n int, change func(*kmsg.FetchResponse)) *atomic.Int64 {
	var hits atomic.Int64
	c.ControlKey(int16(kmsg.Fetch), func(request kmsg.Request) (kmsg.Response, error, bool) {
		if hits.Load() >= int64(n) {
			return nil, nil, false
		}
		c.KeepControl()
		hits.Add(1)
		asked := request.(*kmsg.FetchRequest)
		answer := asked.ResponseKind().(*kmsg.FetchResponse)
		topic := kmsg.NewFetchResponseTopic()
		topic.Topic = asked.Topics[0].Topic
		partition := kmsg.NewFetchResponseTopicPartition()
		partition.Partition = asked.Topics[0].Partitions[0].Partition
		topic.Partitions = append(topic.Partitions, partition)
		answer.Topics = append(answer.Topics, topic)
		change(answer)
		return answer, nil, true
	})
	return &hits
}

func TestFetch_passes_what_is_compacted_away_at_the_end(t *testing.T) {
	b, c := faulty(t)
	b.create(1)
	s := b.join(consumers.Clicks).source(consumers.Clicks, 0)
	stable := int64(50)
	hits := answerFetches(c, 1<<30, func(answer *kmsg.FetchResponse) {
		answer.Topics[0].Partitions[0].LastStableOffset = stable
		stable++ // somebody writes on
	})
	chunk, err := s.source.Fetch(s.ctx, 7, 1<<20, 0)
	if err != nil || chunk.Next != 50 || len(chunk.Records) != 0 {
		t.Errorf("%+v, %v; want the stable offset of the first answer", chunk, err)
	}
	if hits.Load() < 3 {
		t.Errorf("believed after %d answers", hits.Load())
	}
}

func TestFetch_does_not_pass_what_is_withheld_for_a_quota(t *testing.T) {
	b, c := faulty(t)
	b.create(1)
	b.write(b.producer(""), consumers.Clicks, "a", "b")
	s := b.join(consumers.Clicks).source(consumers.Clicks, 0)
	hits := answerFetches(c, 8, func(answer *kmsg.FetchResponse) { answer.ThrottleMillis, answer.Topics = 100, nil })
	chunk, err := s.source.Fetch(s.ctx, 0, 1<<20, 0)
	if err != nil || chunk.Next != 2 || values(chunk.Records) != "a b" || hits.Load() != 8 {
		t.Errorf("%+v, %v after %d answers", chunk, err, hits.Load())
	}
}

func TestFetch_waits_for_a_new_leader_that_knows_less(t *testing.T) {
	b, c := faulty(t)
	b.create(1)
	b.write(b.producer(""), consumers.Clicks, "a", "b", "c")
	s := b.join(consumers.Clicks).source(consumers.Clicks, 0)
	answerFetches(c, 5, func(answer *kmsg.FetchResponse) { answer.Topics[0].Partitions[0].LastStableOffset = 1 })
	chunk, err := s.source.Fetch(s.ctx, 2, 1<<20, 0)
	if err != nil || values(chunk.Records) != "c" {
		t.Errorf("%+v, %v", chunk, err)
	}
}

func TestFetch_asks_for_more_when_not_even_one_batch_came_whole(t *testing.T) {
	b, c := faulty(t)
	b.create(1)
	s := b.join(consumers.Clicks).source(consumers.Clicks, 0)
	var sizes []int32
	c.ControlKey(int16(kmsg.Fetch), func(request kmsg.Request) (kmsg.Response, error, bool) {
		sizes = append(sizes, request.(*kmsg.FetchRequest).MaxBytes)
		return nil, nil, false
	})
	answerFetches(c, 3, func(answer *kmsg.FetchResponse) {
		answer.Topics[0].Partitions[0].LastStableOffset = 1
		answer.Topics[0].Partitions[0].RecordBatches = append(make([]byte, 16), 2, 0, 0, 0)
		answer.Topics[0].Partitions[0].RecordBatches[11] = 0xff
	})
	b.write(b.producer(""), consumers.Clicks, "a")
	if chunk, err := s.source.Fetch(s.ctx, 0, 100<<10, 0); err != nil || values(chunk.Records) != "a" {
		t.Fatalf("%+v, %v", chunk, err)
	}
	if want := []int32{100 << 10, 200 << 10, 400 << 10, 800 << 10}; fmt.Sprint(sizes) != fmt.Sprint(want) {
		t.Errorf("asked for %v, want %v", sizes, want)
	}
}

func TestFetch_passes_no_batch_that_never_comes_whole(t *testing.T) {
	b, c := faulty(t)
	b.create(1)
	s := b.join(consumers.Clicks).source(consumers.Clicks, 0)
	answerFetches(c, 1<<30, func(answer *kmsg.FetchResponse) {
		answer.Topics[0].Partitions[0].LastStableOffset = 50
		answer.Topics[0].Partitions[0].RecordBatches = append(make([]byte, 16), 2, 0, 0, 0)
		answer.Topics[0].Partitions[0].RecordBatches[11] = 0xff
	})
	if chunk, err := s.source.Fetch(s.ctx, 7, 1<<20, 0); err == nil || chunk.Next != 7 {
		t.Errorf("%+v, %v; what lies at offset 7 was left out", chunk, err)
	}
}

// Records that were compressed take more memory than they took in Kafka.
func TestFetch_bounds_what_its_records_unpack_to(t *testing.T) {
	b, c := faulty(t)
	b.create(1)
	const records, size, most = 400, 20_000, 1 << 20 // 8 MB that are few kB in Kafka
	p := b.producer("", kgo.ProducerBatchCompression(kgo.ZstdCompression()))
	for range records / 20 {
		var batch []*kgo.Record
		for range 20 {
			batch = append(batch, &kgo.Record{Topic: b.options.Names.Kafka(consumers.Clicks), Value: bytes.Repeat([]byte("v"), size)})
		}
		if err := p.ProduceSync(t.Context(), batch...).FirstErr(); err != nil {
			t.Fatal(err)
		}
	}
	s := b.join(consumers.Clicks).source(consumers.Clicks, 0)
	var asked []int32
	c.ControlKey(int16(kmsg.Fetch), func(request kmsg.Request) (kmsg.Response, error, bool) {
		c.KeepControl()
		asked = append(asked, request.(*kmsg.FetchRequest).MaxBytes)
		return nil, nil, false
	})
	next := int64(0)
	for next < records {
		chunk, err := s.source.Fetch(s.ctx, next, most, 0)
		if err != nil {
			t.Fatal(err)
		}
		for i, r := range chunk.Records {
			if r.Offset != next+int64(i) {
				t.Fatalf("offset %d follows %d", r.Offset, next+int64(i)-1)
			}
		}
		if n := len(chunk.Records); n == 0 || n*size > most+20*size {
			t.Fatalf("%d records of %d bytes at once, asked was for %d bytes", n, size, most)
		}
		next = chunk.Next
	}
	if asked[0] != most || asked[1] > most/10 {
		t.Errorf("asked for %v bytes", asked)
	}
}

// A broker that has just started may not know the topics yet.
func TestGroup_outlives_a_broker_that_does_not_know_the_topics_yet(t *testing.T) {
	b, c := faulty(t)
	b.create(1)
	s := b.join(consumers.Clicks).source(consumers.Clicks, 0)
	asked := make(chan struct{}, 1)
	c.ControlKey(int16(kmsg.Metadata), func(request kmsg.Request) (kmsg.Response, error, bool) {
		m := request.(*kmsg.MetadataRequest)
		if m.GetVersion() != 10 || len(m.Topics) == 0 || len(asked) > 0 { // ours: kafka-go speaks an older one
			c.KeepControl()
			return nil, nil, false
		}
		answer := m.ResponseKind().(*kmsg.MetadataResponse)
		topic := kmsg.NewMetadataResponseTopic()
		topic.Topic, topic.ErrorCode = m.Topics[0].Topic, kerr.UnknownTopicOrPartition.Code
		answer.Topics = append(answer.Topics, topic)
		asked <- struct{}{}
		return answer, nil, true
	})
	select {
	case <-asked:
	case <-time.After(30 * time.Second):
		t.Fatal("nobody looks at the topics")
	}
	select {
	case <-s.ctx.Done():
		t.Error(context.Cause(s.ctx))
	case <-time.After(200 * time.Millisecond):
	}
}

func TestFetch_tries_again_what_may_pass_and_then_tells(t *testing.T) {
	b, c := faulty(t)
	b.create(1)
	b.write(b.producer(""), consumers.Clicks, "a")
	s := b.join(consumers.Clicks).source(consumers.Clicks, 0)
	fault := kfake.Fault{Keys: []kmsg.Key{kmsg.Fetch}, Err: kerr.NotLeaderForPartition, Count: 2}
	c.Fault(fault)
	if chunk, err := s.source.Fetch(s.ctx, 0, 1<<20, 0); err != nil || values(chunk.Records) != "a" {
		t.Errorf("%+v, %v", chunk, err)
	}
	fault.Count = -1
	c.Fault(fault)
	chunk, err := s.source.Fetch(s.ctx, 0, 1<<20, 0)
	if err == nil || errors.Is(err, pipeline.ErrOffsetsLost) || chunk.Next != 0 {
		t.Errorf("%+v, %v", chunk, err)
	}
}

func TestFetch_refuses_a_batch_that_arrives_damaged(t *testing.T) {
	b, c := faulty(t)
	b.create(1)
	s := b.join(consumers.Clicks).source(consumers.Clicks, 0)
	batch := make([]byte, 61)
	batch[11], batch[16] = 49, 2
	answerFetches(c, 1<<30, func(answer *kmsg.FetchResponse) {
		answer.Topics[0].Partitions[0].LastStableOffset = 9
		answer.Topics[0].Partitions[0].RecordBatches = batch
	})
	_, err := s.source.Fetch(s.ctx, 0, 1<<20, 0)
	if err == nil || !strings.Contains(err.Error(), "checksum") {
		t.Errorf("%v", err)
	}
}

func TestCommit_is_repeated_where_the_coordinator_moves(t *testing.T) {
	b, c := faulty(t)
	b.create(1)
	s := b.join(consumers.Clicks).source(consumers.Clicks, 0)
	c.Fault(
		kfake.Fault{Keys: []kmsg.Key{kmsg.OffsetCommit}, Err: kerr.NotCoordinator, Count: 2},
		kfake.Fault{Keys: []kmsg.Key{kmsg.OffsetCommit}, Err: kerr.CoordinatorLoadInProgress},
	)
	b.commit(s, 3, "three")
	if offset, metadata, err := s.source.Committed(s.ctx); err != nil || offset != 3 || metadata != "three" {
		t.Errorf("%d %q %v", offset, metadata, err)
	}
}

func TestCommit_after_the_generation_is_fenced(t *testing.T) {
	for _, over := range []*kerr.Error{kerr.RebalanceInProgress, kerr.IllegalGeneration, kerr.UnknownMemberID} {
		t.Run(over.Message, func(t *testing.T) {
			b, c := faulty(t)
			b.create(1)
			s := b.join(consumers.Clicks).source(consumers.Clicks, 0)
			c.Fault(kfake.Fault{Keys: []kmsg.Key{kmsg.OffsetCommit}, Err: over})
			wantError(t, s.source.Commit(s.ctx, 3, "three"), pipeline.ErrFenced)
		})
	}
}

func TestCommit_that_Kafka_will_never_take_fails(t *testing.T) {
	b, c := faulty(t)
	b.create(1)
	s := b.join(consumers.Clicks).source(consumers.Clicks, 0)
	c.Fault(kfake.Fault{Keys: []kmsg.Key{kmsg.OffsetCommit}, Err: kerr.OffsetMetadataTooLarge})
	err := s.source.Commit(s.ctx, 3, strings.Repeat("m", 5000))
	if err == nil || errors.Is(err, pipeline.ErrFenced) {
		t.Errorf("5,000 bytes of metadata: %v", err)
	}
}

func TestGroup_waits_for_its_coordinator(t *testing.T) {
	b, c := faulty(t)
	b.create(1)
	c.Fault(
		kfake.Fault{TopLevel: true, Keys: []kmsg.Key{kmsg.JoinGroup}, Err: kerr.CoordinatorNotAvailable, Count: 2},
		kfake.Fault{TopLevel: true, Keys: []kmsg.Key{kmsg.SyncGroup}, Err: kerr.NotCoordinator},
	)
	b.join(consumers.Clicks).source(consumers.Clicks, 0)
}

func TestGroup_says_what_no_waiting_will_change(t *testing.T) {
	b, c := faulty(t)
	b.create(1)
	c.Fault(kfake.Fault{TopLevel: true, Keys: []kmsg.Key{kmsg.JoinGroup}, Err: kerr.InvalidSessionTimeout})
	err := b.run(func(context.Context, pipeline.Source) error { return nil })
	if err == nil || !strings.Contains(err.Error(), "group.min.session.timeout.ms") {
		t.Errorf("%v", err)
	}
}

func TestGroup_ends_a_generation_that_its_heartbeats_learn_is_over(t *testing.T) {
	for _, over := range []*kerr.Error{kerr.RebalanceInProgress, kerr.IllegalGeneration, kerr.UnknownMemberID} {
		t.Run(over.Message, func(t *testing.T) {
			b, c := faulty(t)
			b.create(1)
			w := b.join(consumers.Clicks)
			s := w.source(consumers.Clicks, 0)
			refuseHeartbeats(c, 1, over)
			awaitEnd(t, s.ctx)
			wantError(t, context.Cause(s.ctx), pipeline.ErrFenced)
			w.await("another generation", func(held map[string]assigned) bool {
				again, ok := held[consumers.Clicks+"/0"]
				return ok && again.source != s.source
			})
		})
	}
}

// refuseHeartbeats answers the next of our own heartbeats with an error. They speak
// version 2; kafka-go's speak version 0, those of the broker's own sessions a later one.
func refuseHeartbeats(c *kfake.Cluster, n int, with *kerr.Error) <-chan struct{} {
	refused := make(chan struct{}, 1)
	c.ControlKey(int16(kmsg.Heartbeat), func(request kmsg.Request) (kmsg.Response, error, bool) {
		if n == 0 || request.GetVersion() != 2 {
			return nil, nil, false
		}
		c.KeepControl()
		n--
		answer := request.ResponseKind().(*kmsg.HeartbeatResponse)
		answer.ErrorCode = with.Code
		select {
		case refused <- struct{}{}:
		default:
		}
		return answer, nil, true
	})
	return refused
}

func awaitEnd(t *testing.T, ctx context.Context) {
	t.Helper()
	select {
	case <-ctx.Done():
	case <-time.After(30 * time.Second):
		t.Fatal("the generation does not end")
	}
}

func TestLease_runs_out_when_heartbeats_are_not_acknowledged(t *testing.T) {
	b, c := faulty(t)
	b.create(1)
	s := b.join(consumers.Clicks).source(consumers.Clicks, 0)
	refused := refuseHeartbeats(c, 1<<30, kerr.CoordinatorNotAvailable)
	<-refused
	last := s.source.Lease()
	for range 3 {
		<-refused
	}
	if s.source.Lease() != last || s.ctx.Err() != nil {
		t.Errorf("the lease went from %s to %s, the generation: %v", last, s.source.Lease(), context.Cause(s.ctx))
	}
}

func TestGroup_and_barrier_outlive_Kafka(t *testing.T) {
	o := engine.KafkaOptions{Dir: t.TempDir()}
	k, err := engine.StartKafka(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	b := newBed(t, k.Addr)
	b.create(1)
	b.write(b.producer(""), consumers.Clicks, "a")
	w := b.join(consumers.Clicks)
	s := w.source(consumers.Clicks, 0)
	barrier := b.barrier()
	waiting := waitFor(barrier, consumers.Clicks)
	if err := k.Stop(t.Context()); err != nil {
		t.Fatal(err)
	}
	awaitEnd(t, s.ctx)
	if _, err := fmt.Sscanf(k.Addr[strings.LastIndex(k.Addr, ":")+1:], "%d", &o.Port.Number); err != nil {
		t.Fatal(err)
	}
	if k, err = engine.StartKafka(t.Context(), o); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { k.Stop(context.Background()) }) //nolint:errcheck // the folder goes too
	s = w.source(consumers.Clicks, 0)
	b.wantValues(s, 0, 1, "a")
	b.commit(s, 1, "1")
	if o := <-waiting; o.err != nil {
		t.Error(o.err)
	}
	w.leave()
}

func TestPublish_keeps_the_order_of_a_key_over_failures(t *testing.T) {
	b, c := faulty(t)
	b.create(2)
	c.Fault(
		kfake.Fault{Keys: []kmsg.Key{kmsg.Produce}, Err: kerr.NotLeaderForPartition, Count: 2},
		kfake.Fault{Keys: []kmsg.Key{kmsg.Produce}, Err: kerr.NotEnoughReplicasAfterAppend, Count: 2}, // written all the same
	)
	var messages []pipeline.Message
	for i := range 3000 {
		messages = append(messages, pipeline.Message{Topic: consumers.Rewards, Key: fmt.Append(nil, i%5), Value: fmt.Appendf(nil, "%06d%s", i, strings.Repeat("v", 1000))})
	}
	p := consumers.NewPublisher(b.cluster)
	if err := p.Publish(t.Context(), messages); err != nil {
		t.Fatal(err)
	}
	if p.Acknowledged() != 3000 {
		t.Errorf("%d acknowledged", p.Acknowledged())
	}
	b.wantOrder(messages)
}

// wantOrder reads what was published back with another client: of each key all
// messages, those written twice aside, in order.
func (b *bed) wantOrder(messages []pipeline.Message) {
	b.t.Helper()
	seen := make(map[string][]string)
	for _, r := range b.readAll(messages[0].Topic) {
		of := seen[string(r.Key)]
		if value := string(r.Value); !contains(of, value) {
			seen[string(r.Key)] = append(of, value)
		}
	}
	want := make(map[string][]string)
	for _, m := range messages {
		want[string(m.Key)] = append(want[string(m.Key)], string(m.Value))
	}
	for key := range want {
		if strings.Join(seen[key], "\n") != strings.Join(want[key], "\n") {
			b.t.Errorf("key %s: %d messages, not the %d that were published in their order", key, len(seen[key]), len(want[key]))
		}
	}
}

func contains(all []string, one string) bool {
	for i := len(all) - 1; i >= 0; i-- {
		if all[i] == one {
			return true
		}
	}
	return false
}

func TestPublish_writes_large_messages_and_small_requests(t *testing.T) {
	b, c := faulty(t)
	b.create(1)
	var sizes []int
	c.ControlKey(int16(kmsg.Produce), func(request kmsg.Request) (kmsg.Response, error, bool) {
		sizes = append(sizes, len(request.(*kmsg.ProduceRequest).Topics[0].Partitions[0].Records))
		return nil, nil, false
	})
	large := bytes.Repeat([]byte("L"), 3<<20)
	messages := []pipeline.Message{{Topic: consumers.DeadLetters, Key: []byte("k"), Value: []byte("before")}, {Topic: consumers.DeadLetters, Key: []byte("k"), Value: large}}
	for range 3000 {
		messages = append(messages, pipeline.Message{Topic: consumers.DeadLetters, Key: []byte("k"), Value: bytes.Repeat([]byte("s"), 1000)})
	}
	b.publish(messages...)
	records := b.readAll(consumers.DeadLetters)
	if len(records) != len(messages) || !bytes.Equal(records[1].Value, large) {
		t.Fatalf("%d records", len(records))
	}
	for i, size := range sizes {
		if size > 1<<20 && size < 3<<20 {
			t.Errorf("request %d has %d bytes", i, size)
		}
	}
}

func TestPublish_halves_requests_that_are_too_large_for_a_topic(t *testing.T) {
	b, _ := faulty(t)
	b.create(1)
	b.alter(b.producer(""), kmsg.ConfigResourceTypeTopic, b.options.Names.Kafka(consumers.Rewards), map[string]string{"max.message.bytes": "20000"})
	var messages []pipeline.Message
	for i := range 200 {
		messages = append(messages, pipeline.Message{Topic: consumers.Rewards, Key: []byte("k"), Value: fmt.Appendf(nil, "%06d%s", i, strings.Repeat("v", 1000))})
	}
	b.publish(messages...)
	b.wantOrder(messages)
	messages[1].Value = bytes.Repeat([]byte("v"), 30000)
	if err := consumers.NewPublisher(b.cluster).Publish(t.Context(), messages); err == nil {
		t.Error("a message that the topic never takes was published")
	}
}
