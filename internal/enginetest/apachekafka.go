package enginetest

import (
	"context"
	"errors"
	"os"
	"testing"

	"github.com/grapevinehq/grapevine/internal/engine"
)

var apacheKafkaOnce once[*engine.ApacheKafka]

// ApacheKafka returns this process's Apache Kafka. Tests share it: each uses
// topic and group names of its own. Where Java or Maven is missing the test is
// skipped with a line that says so, and fails if the environment says CI=true.
func ApacheKafka(t testing.TB) *engine.ApacheKafka {
	t.Helper()
	broker, err := apacheKafkaOnce.get("apache-kafka", startApacheKafka)
	var missing *engine.MissingProgramError
	if errors.As(err, &missing) && os.Getenv("CI") != "true" {
		t.Skipf("not run against Apache Kafka: %v", missing)
	}
	if err != nil {
		t.Fatal(err)
	}
	return broker
}

func startApacheKafka(ctx context.Context, dir string) (*engine.ApacheKafka, error) {
	return engine.StartApacheKafka(ctx, engine.ApacheKafkaOptions{Dir: dir})
}
