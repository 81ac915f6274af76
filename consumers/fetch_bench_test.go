package consumers_test

import (
	"bytes"
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/segmentio/kafka-go"
	"golang.org/x/sys/unix"

	"github.com/grapevinehq/grapevine/consumers"
	"github.com/grapevinehq/grapevine/internal/enginetest"
	"github.com/grapevinehq/grapevine/pipeline"
)

// How fast one partition is read from Apache Kafka into records, beside the
// floors: taking the same bytes from kafka-go without looking at them, and taking
// them record by record as kafka-go offers them. Each iteration reads all of a
// partition with records of about 450 bytes.
//
//	go test ./consumers -run '^$' -bench Fetch -benchtime 5x -count 3
func BenchmarkFetch(b *testing.B) {
	const records = 200_000
	bed := newBed(b, enginetest.ApacheKafka(b).Addr)
	bed.create(1)
	bed.fill(records)
	source := bed.join(consumers.Clicks).source(consumers.Clicks, 0)

	b.Run("records", func(b *testing.B) {
		each(b, records, func(from int64) (int64, int) {
			chunk, err := source.source.Fetch(source.ctx, from, 4<<20, time.Second)
			if err != nil {
				b.Fatal(err)
			}
			return chunk.Next, len(chunk.Records)
		})
	})
	transport := &kafka.Transport{}
	defer transport.CloseIdleConnections()
	client := &kafka.Client{Addr: kafka.TCP(bed.addr), Transport: transport}
	fetch := func(b *testing.B, from int64) *kafka.FetchResponse {
		answer, err := client.Fetch(context.Background(), &kafka.FetchRequest{
			Topic: bed.options.Names.Kafka(consumers.Clicks), Offset: from, MinBytes: 1, MaxBytes: 4 << 20, MaxWait: time.Second, IsolationLevel: kafka.ReadCommitted,
		})
		if err != nil || answer.Error != nil {
			b.Fatal(err, answer)
		}
		return answer
	}
	b.Run("kafka-go_untouched", func(b *testing.B) { // to know where to go on, the offsets at least are read
		each(b, records, func(from int64) (int64, int) {
			answer := fetch(b, from)
			n := 0
			for next := from; ; n++ {
				r, err := answer.Records.ReadRecord()
				if err != nil {
					return next, n
				}
				next = r.Offset + 1
			}
		})
	})
	b.Run("kafka-go_copied", func(b *testing.B) {
		each(b, records, func(from int64) (int64, int) {
			answer := fetch(b, from)
			n := 0
			for next := from; ; n++ {
				r, err := answer.Records.ReadRecord()
				if err != nil {
					return next, n
				}
				for _, part := range []kafka.Bytes{r.Key, r.Value} {
					if _, err := kafka.ReadAll(part); err != nil {
						b.Fatal(err)
					}
					if err := part.Close(); err != nil {
						b.Fatal(err)
					}
				}
				next = r.Offset + 1
			}
		})
	})
}

// fill writes records of about 450 bytes to the one partition of clicks.
func (b *bed) fill(records int) {
	b.t.Helper()
	messages := make([]pipeline.Message, 10_000)
	for done := 0; done < records; done += len(messages) {
		for i := range messages {
			messages[i] = pipeline.Message{
				Topic: consumers.Clicks, Key: fmt.Appendf(nil, "visitor-%06d", done+i),
				Value: bytes.Repeat([]byte("0123456789"), 40), Headers: []pipeline.MessageHeader{{Key: "content-type", Value: []byte("application/cloudevents+json")}},
			}
		}
		b.publish(messages...)
	}
}

// each reads a whole partition per iteration, and reports records per second and
// the CPU time of this process for each.
func each(b *testing.B, records int, read func(from int64) (next int64, n int)) {
	began := processor()
	for b.Loop() {
		seen := 0
		for from := int64(0); from < int64(records); {
			next, n := read(from)
			from, seen = next, seen+n
		}
		if seen != records {
			b.Fatalf("%d records, want %d", seen, records)
		}
	}
	all := float64(records) * float64(b.N)
	b.ReportMetric(all/b.Elapsed().Seconds(), "records/s")
	b.ReportMetric(float64((processor()-began).Nanoseconds())/all, "cpu-ns/record")
	b.ReportMetric(0, "ns/op")
}

// processor is the time that this process has computed for.
func processor() time.Duration {
	var usage unix.Rusage
	if err := unix.Getrusage(unix.RUSAGE_SELF, &usage); err != nil {
		return 0
	}
	return time.Duration(usage.Utime.Nano() + usage.Stime.Nano())
}
