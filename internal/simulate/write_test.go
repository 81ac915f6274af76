package simulate

import (
	"context"
	"errors"
	"io"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/segmentio/kafka-go"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/grapevinehq/grapevine/internal/enginetest"
)

func TestMain(m *testing.M) { enginetest.Main(m) }

// topics makes the three topics in a Kafka of the test's own.
func topics(t *testing.T, addr string) (*kafka.Client, Topics) {
	transport := &kafka.Transport{}
	t.Cleanup(transport.CloseIdleConnections)
	client := &kafka.Client{Addr: kafka.TCP(addr), Timeout: 10 * time.Second, Transport: transport}
	names := Topics{Clicks: "clicks", Conversions: "conversions", Members: "members"}
	var make []kafka.TopicConfig
	for _, name := range []string{names.Clicks, names.Conversions, names.Members} {
		make = append(make, kafka.TopicConfig{Topic: name, NumPartitions: 3, ReplicationFactor: 1})
	}
	if _, err := client.CreateTopics(t.Context(), &kafka.CreateTopicsRequest{Topics: make}); err != nil {
		t.Fatal(err)
	}
	return client, names
}

func someTraffic() Options {
	return Options{
		Seed: 1, Start: start, Span: time.Minute, Clicks: 9000, Conversions: 100, Members: 20, Visitors: 500, Referrers: 30,
		Duplicates: 0.1, Redelivered: 0.1, Programs: []Program{{OrgID: "acme", ID: "a", Currency: "EUR", DedupeWindow: time.Hour}},
	}
}

// keys reads the keys of one partition.
func keys(t *testing.T, client *kafka.Client, topic string, partition int) (all [][]byte) {
	t.Helper()
	for offset := int64(0); ; {
		answer, err := client.Fetch(t.Context(), &kafka.FetchRequest{Topic: topic, Partition: partition, Offset: offset, MaxBytes: 1 << 20, MinBytes: 1, MaxWait: time.Millisecond})
		if err != nil {
			t.Fatal(err)
		}
		for {
			record, err := answer.Records.ReadRecord()
			if errors.Is(err, io.EOF) {
				break
			}
			if err != nil {
				t.Fatal(err)
			}
			if record.Offset < offset {
				continue
			}
			key, err := kafka.ReadAll(record.Key)
			if err != nil {
				t.Fatal(err)
			}
			all, offset = append(all, key), record.Offset+1
		}
		if offset >= answer.HighWatermark {
			return all
		}
	}
}

func TestRun_writes_what_it_says_where_Java_would(t *testing.T) {
	client, names := topics(t, enginetest.Kafka(t).Addr)
	truth, err := Run(t.Context(), client, names, someTraffic(), nil)
	if err != nil {
		t.Fatal(err)
	}
	if truth.Written != 9120 {
		t.Errorf("%d written", truth.Written)
	}
	for topic, want := range map[string]int{names.Clicks: 9000, names.Conversions: 100, names.Members: 20} {
		got := 0
		for p := range 3 {
			for _, key := range keys(t, client, topic, p) {
				got++
				if q := (kafka.Murmur2Balancer{}).Balance(kafka.Message{Key: key}, 0, 1, 2); q != p {
					t.Fatalf("%s: key %s on partition %d, not %d", topic, key, p, q)
				}
			}
		}
		if got != want {
			t.Errorf("%s has %d events, want %d", topic, got, want)
		}
	}
}

func TestRun_with_a_rate_ends_with_what_was_counted_when_interrupted(t *testing.T) {
	client, names := topics(t, enginetest.Kafka(t).Addr)
	o := someTraffic()
	o.Clicks, o.Rate, o.PerClick, o.Start = -1, 20_000, 0.1, time.Now()
	ctx, stop := context.WithCancel(t.Context())
	defer stop()
	truth, err := Run(ctx, client, names, o, func(p Progress) {
		if p.Conversions > 50 {
			stop()
		}
	})
	if err != nil {
		t.Fatal(err)
	}
	if sum := truth.Sum(); sum.Conversions <= 50 || truth.Written != truth.Clicks+sum.Conversions+truth.Members {
		t.Errorf("%d written: %+v", truth.Written, sum)
	}
}

func TestRun_tells_what_Kafka_refuses_and_tries_again_only_what_was_not_written(t *testing.T) {
	k := enginetest.Kafka(t)
	client, names := topics(t, k.Addr)
	var refusals atomic.Int64
	k.Faults().ControlKey(int16(kmsg.Produce), func(request kmsg.Request) (kmsg.Response, error, bool) {
		produce := request.(*kmsg.ProduceRequest)
		code := kerr.NotLeaderForPartition.Code
		if refusals.Add(1) > 1 {
			code = kerr.MessageTooLarge.Code
		}
		k.Faults().KeepControl()
		answer := produce.ResponseKind().(*kmsg.ProduceResponse)
		topic := kmsg.NewProduceResponseTopic()
		topic.Topic = produce.Topics[0].Topic
		partition := kmsg.NewProduceResponseTopicPartition()
		partition.Partition, partition.ErrorCode = produce.Topics[0].Partitions[0].Partition, code
		topic.Partitions = append(topic.Partitions, partition)
		answer.Topics = append(answer.Topics, topic)
		return answer, nil, true
	})
	_, err := Run(t.Context(), client, names, someTraffic(), nil)
	if !errors.Is(err, kafka.MessageSizeTooLarge) || !strings.Contains(err.Error(), "events had been acknowledged") {
		t.Errorf("got %v", err)
	}
	if refusals.Load() < 2 {
		t.Error("a partition whose leader moved was not tried again")
	}
}
