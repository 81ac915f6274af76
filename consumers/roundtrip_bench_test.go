package consumers_test

import (
	"bytes"
	"fmt"
	"testing"

	"github.com/grapevinehq/grapevine/consumers"
	"github.com/grapevinehq/grapevine/internal/enginetest"
	"github.com/grapevinehq/grapevine/pipeline"
)

// What the round trips of a batch cost against Apache Kafka: a commit, a barrier
// that finds everything processed, and publishing 1,000 messages of 600 bytes.
//
//	go test ./consumers -run '^$' -bench RoundTrip -count 3
func BenchmarkRoundTrip(b *testing.B) {
	bed := newBed(b, enginetest.ApacheKafka(b).Addr)
	bed.create(8)
	source := bed.join(consumers.Clicks).source(consumers.Clicks, 0)
	b.Run("commit", func(b *testing.B) {
		for b.Loop() {
			bed.commit(source, 0, `{"v":1,"n":12,"end":345,"t":1760000000000,"rev":"0123456789abcdef","bound":true}`)
		}
	})
	barrier := bed.barrier()
	b.Run("barrier", func(b *testing.B) {
		for b.Loop() {
			if _, err := barrier.Wait(b.Context(), []string{consumers.Members, consumers.Fulfillments}); err != nil {
				b.Fatal(err)
			}
		}
	})
	messages := make([]pipeline.Message, 1000)
	for i := range messages {
		messages[i] = pipeline.Message{Topic: consumers.Rewards, Key: fmt.Append(nil, i), Value: bytes.Repeat([]byte("v"), 600)}
	}
	b.Run("publish_1000", func(b *testing.B) {
		began := processor()
		for b.Loop() {
			bed.publish(messages...)
		}
		b.ReportMetric(float64(len(messages)*b.N)/b.Elapsed().Seconds(), "messages/s")
		b.ReportMetric(float64((processor()-began).Nanoseconds())/float64(len(messages)*b.N), "cpu-ns/message")
	})
}
