package e2e

import (
	"context"
	"fmt"
	"time"

	"github.com/segmentio/kafka-go"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/grapevinehq/grapevine/consumers"
	"github.com/grapevinehq/grapevine/pipeline/event"
)

// placed is a record and where it lies.
type placed struct {
	partition int
	event.Record
}

// read returns everything that a topic holds, partition by partition.
func (w *world) read(contract string) []placed {
	w.t.Helper()
	ctx, cancel := context.WithTimeout(w.t.Context(), 30*time.Second)
	defer cancel()
	topic := w.cluster.Names().Kafka(contract)
	described, err := w.cluster.Describe(ctx, topic)
	if err != nil {
		w.t.Fatal(err)
	}
	var records []placed
	for p := range described[topic].Partitions {
		records = append(records, w.readPartition(ctx, topic, p)...)
	}
	return records
}

// readPartition reads what is committed, of all that was written so far.
func (w *world) readPartition(ctx context.Context, topic string, partition int) (records []placed) {
	w.t.Helper()
	end := w.end(ctx, topic, partition)
	client, err := kgo.NewClient(kgo.SeedBrokers(w.brokers), kgo.FetchIsolationLevel(kgo.ReadCommitted()), kgo.KeepControlRecords(), kgo.FetchMaxWait(100*time.Millisecond),
		kgo.ConsumePartitions(map[string]map[int32]kgo.Offset{topic: {int32(partition): kgo.NewOffset().AtStart()}}))
	if err != nil {
		w.t.Fatal(err)
	}
	defer client.Close()
	for next := int64(0); next < end; {
		fetches := client.PollFetches(ctx)
		if err := fetches.Err(); err != nil {
			w.t.Fatalf("read %s/%d from %d to %d: %v", topic, partition, next, end, err)
		}
		for each := fetches.RecordIter(); !each.Done(); {
			m := each.Next()
			if next = m.Offset + 1; m.Attrs.IsControl() || m.Offset >= end {
				continue
			}
			r := placed{partition, event.Record{Offset: m.Offset, Time: m.Timestamp.UnixMilli(), Key: m.Key, Value: m.Value}}
			for _, h := range m.Headers {
				r.Headers = append(r.Headers, event.Header{Key: h.Key, Value: h.Value})
			}
			records = append(records, r)
		}
	}
	return records
}

// end is the offset after the last record of a partition.
func (w *world) end(ctx context.Context, topic string, partition int) int64 {
	w.t.Helper()
	conn, err := kafka.DialLeader(ctx, "tcp", w.brokers, topic, partition)
	if err != nil {
		w.t.Fatalf("read %s/%d: %v", topic, partition, err)
	}
	defer conn.Close() //nolint:errcheck // one question only
	end, err := conn.ReadLastOffset()
	if err != nil {
		w.t.Fatalf("read the end of %s/%d: %v", topic, partition, err)
	}
	return end
}

// ends are the ends of all partitions that the pipeline writes to.
func (w *world) ends() map[string]int64 {
	w.t.Helper()
	ctx, cancel := context.WithTimeout(w.t.Context(), 30*time.Second)
	defer cancel()
	ends := map[string]int64{}
	for _, contract := range append(consumers.Outputs(), consumers.Credits) {
		topic := w.cluster.Names().Kafka(contract)
		described, err := w.cluster.Describe(ctx, topic)
		if err != nil {
			w.t.Fatal(err)
		}
		for p := range described[topic].Partitions {
			ends[fmt.Sprint(topic, "/", p)] = w.end(ctx, topic, p)
		}
	}
	return ends
}
