package e2e

import (
	"context"
	"fmt"
	"time"

	"github.com/segmentio/kafka-go"

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

func (w *world) readPartition(ctx context.Context, topic string, partition int) (records []placed) {
	w.t.Helper()
	end := w.end(ctx, topic, partition)
	reader := kafka.NewReader(kafka.ReaderConfig{Brokers: []string{w.brokers}, Topic: topic, Partition: partition, MaxBytes: 4 << 20, MaxWait: 100 * time.Millisecond})
	defer reader.Close() //nolint:errcheck // read only
	for next := int64(0); next < end; {
		m, err := reader.ReadMessage(ctx)
		if err != nil {
			w.t.Fatalf("read %s/%d from %d to %d: %v", topic, partition, next, end, err)
		}
		r := placed{partition, event.Record{Offset: m.Offset, Time: m.Time.UnixMilli(), Key: m.Key, Value: m.Value}}
		for _, h := range m.Headers {
			r.Headers = append(r.Headers, event.Header{Key: h.Key, Value: h.Value})
		}
		records, next = append(records, r), m.Offset+1
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
