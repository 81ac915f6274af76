package e2e

import (
	"fmt"
	"testing"
	"time"

	"github.com/segmentio/kafka-go"

	"github.com/grapevinehq/grapevine/consumers"
	"github.com/grapevinehq/grapevine/internal/enginetest"
	"github.com/grapevinehq/grapevine/pipeline"
)

// Nothing else comes on their partitions: an adjustment that was told before its
// conversion is found to be another customer's, and one whose 72 hours are over by
// its Kafka timestamp waits no longer.
func TestAdjustments_that_wait_are_settled_by_the_clock(t *testing.T) {
	t.Parallel()
	w := newWorld(t, enginetest.Kafka(t).Addr, 8, []byte(trafficPrograms))
	w.createTopics()
	refund := func(customer, conversion string) pipeline.Message {
		return w.told(consumers.Conversions, customer, "conversion.adjusted", map[string]any{"kind": "refund", "customer_id": customer, "conversion_id": conversion})
	}
	var early []pipeline.Message
	for i := range 8 { // on whichever partitions
		early = append(early, refund(fmt.Sprint("stranger-", i), "sale-1"))
	}
	w.publish(append(early, refund("cleo", "sale-2")))
	w.publishAt(refund("old", "sale-3"), time.Now().Add(-73*time.Hour))
	w.exitWhenIdle(60 * time.Second)
	reasons := func() string {
		rows := w.query("SELECT reason, toString(count()) AS n FROM dead_letters GROUP BY reason ORDER BY reason")
		text := fmt.Sprint(len(w.query("SELECT * FROM waiting")), " wait")
		for _, r := range rows {
			text += fmt.Sprint(", ", r["n"], " ", r["reason"])
		}
		return text
	}
	if got, want := reasons(), "9 wait, 1 unknown_conversion"; got != want {
		t.Errorf("before the conversion: %s, want %s", got, want)
	}
	w.publish([]pipeline.Message{w.told(consumers.Conversions, "cleo", "conversion.recorded", map[string]any{
		"kind": "sale", "conversion_id": "sale-1", "customer_id": "cleo", "amount_minor": 10000, "currency": "USD",
	})})
	w.exitWhenIdle(60 * time.Second)
	if got, want := reasons(), "1 wait, 8 invalid, 1 unknown_conversion"; got != want {
		t.Errorf("after the conversion: %s, want %s", got, want)
	}
}

// publishAt writes a record with a timestamp of its own.
func (w *world) publishAt(m pipeline.Message, at time.Time) {
	w.t.Helper()
	writer := &kafka.Writer{Addr: kafka.TCP(w.brokers), Topic: w.cluster.Names().Kafka(m.Topic), Balancer: kafka.Murmur2Balancer{}, RequiredAcks: kafka.RequireAll, BatchTimeout: time.Millisecond}
	if err := writer.WriteMessages(w.t.Context(), kafka.Message{Key: m.Key, Value: m.Value, Time: at}); err != nil {
		w.t.Fatal(err)
	}
	if err := writer.Close(); err != nil {
		w.t.Fatal(err)
	}
}
