package state_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"testing"

	"github.com/google/uuid"
	"github.com/redis/go-redis/v9"
	"go.uber.org/goleak"

	"github.com/grapevinehq/grapevine/internal/enginetest"
	"github.com/grapevinehq/grapevine/pipeline"
	"github.com/grapevinehq/grapevine/pipeline/state"
)

func TestMain(m *testing.M) {
	code := enginetest.Run(m)
	if code == 0 {
		if err := goleak.Find(); err != nil {
			fmt.Fprintln(os.Stderr, err)
			code = 1
		}
	}
	os.Exit(code)
}

// connect is a client that ends with the test.
func connect(t testing.TB, addr string) *redis.Client {
	t.Helper()
	client := redis.NewClient(&redis.Options{Addr: addr})
	t.Cleanup(func() {
		if err := client.Close(); err != nil {
			t.Error(err)
		}
	})
	return client
}

// alone is an initialised store on a Redis of the test's own.
func alone(t testing.TB) (*state.Store, *redis.Client) {
	t.Helper()
	client := connect(t, enginetest.RedisAlone(t).Addr)
	return initialised(t, client), client
}

func initialised(t testing.TB, client redis.UniversalClient) *state.Store {
	t.Helper()
	store, err := state.Open(t.Context(), client, state.Options{Encoder: 7, Log: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := store.Initialise(t.Context(), uuid.NewString()); err != nil {
		t.Fatal(err)
	}
	return store
}

// somePartition is a partition of a topic that no other test has.
func somePartition() pipeline.Partition {
	return pipeline.Partition{Topic: "referral.clicks", Incarnation: uuid.NewString(), ID: 3}
}

// batch are the bounds of the n-th batch of ten records.
func batch(p pipeline.Partition, n uint64) pipeline.Bounds {
	return pipeline.Bounds{Partition: p, Number: n, First: int64(n) * 10, End: int64(n)*10 + 10, Time: 1760000000000 + int64(n), Revision: "r1"}
}

// refuse is the confirm of a generation that Kafka does not accept.
func refuse(context.Context) error { return fmt.Errorf("commit: %w", pipeline.ErrFenced) }

func accept(context.Context) error { return nil }

func takeOver(t testing.TB, store *state.Store, p pipeline.Partition, generation int32) (pipeline.Memory, pipeline.Journal) {
	t.Helper()
	memory, journal, err := store.TakeOver(t.Context(), p, generation, refuse)
	if err != nil {
		t.Fatal(err)
	}
	return memory, journal
}

// fill journals batches up to n, each appending its number to "log".
func fill(t testing.TB, memory pipeline.Memory, p pipeline.Partition, from, to uint64) {
	t.Helper()
	for n := from; n <= to; n++ {
		writes := pipeline.Writes{Append: []pipeline.KeyValue{{Key: "log", Value: fmt.Appendf(nil, "%d,", n)}}}
		if _, err := memory.Fill(t.Context(), batch(p, n), []byte("facts"), fmt.Appendf(nil, "record %d", n), writes); err != nil {
			t.Fatal(err)
		}
	}
}

// value reads one own key.
func value(t testing.TB, memory pipeline.Memory, key string) string {
	t.Helper()
	values, err := memory.Get(t.Context(), []string{key})
	if err != nil {
		t.Fatal(err)
	}
	return string(values[0])
}

// wantError fails unless err is the wanted one.
func wantError(t testing.TB, what string, err, want error) {
	t.Helper()
	if !errors.Is(err, want) {
		t.Errorf("%s: got %v, want %v", what, err, want)
	}
}
