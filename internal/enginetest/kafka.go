package enginetest

import (
	"context"
	"testing"

	"github.com/grapevinehq/grapevine/internal/engine"
)

// Kafka returns a broker inside this process that only this test uses, empty and
// in memory. Its Addr is host:port.
func Kafka(t testing.TB) *engine.Kafka {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), startTimeout)
	defer cancel()
	broker, err := engine.StartKafka(ctx, engine.KafkaOptions{})
	if err != nil {
		t.Fatal(err)
	}
	stopAfter(t, broker.Stop)
	return broker
}
