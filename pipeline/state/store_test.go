package state_test

import (
	"context"
	"errors"
	"log/slog"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/redis/go-redis/v9"

	"github.com/grapevinehq/grapevine/internal/enginetest"
	"github.com/grapevinehq/grapevine/pipeline"
	"github.com/grapevinehq/grapevine/pipeline/state"
)

func TestOpen_refuses_a_redis_that_evicts(t *testing.T) {
	client := connect(t, enginetest.RedisAlone(t).Addr)
	for _, policy := range []string{"allkeys-lru", "volatile-ttl"} {
		if err := client.ConfigSet(t.Context(), "maxmemory-policy", policy).Err(); err != nil {
			t.Fatal(err)
		}
		_, err := state.Open(t.Context(), client, state.Options{})
		wantError(t, policy, err, state.ErrSettings)
		if err == nil || !strings.Contains(err.Error(), "noeviction") {
			t.Errorf("the error does not say what to change: %v", err)
		}
	}
}

func TestOpen_refuses_a_client_that_reads_from_replicas(t *testing.T) {
	clients := map[string]redis.UniversalClient{
		"replicas": redis.NewClusterClient(&redis.ClusterOptions{Addrs: []string{"127.0.0.1:1"}, ReadOnly: true}),
		"ring":     redis.NewRing(&redis.RingOptions{}),
	}
	for name, client := range clients {
		_, err := state.Open(t.Context(), client, state.Options{})
		wantError(t, name, err, state.ErrSettings)
		if err := client.Close(); err != nil {
			t.Error(err)
		}
	}
}

func TestStore_needs_its_installation(t *testing.T) {
	store, err := state.Open(t.Context(), connect(t, enginetest.RedisAlone(t).Addr), state.Options{})
	if err != nil {
		t.Fatal(err)
	}
	if _, _, err := store.TakeOver(t.Context(), somePartition(), 1, refuse); err == nil {
		t.Error("a partition was taken over without an installation")
	}
}

func TestInitialise_by_many_workers_agrees_on_one_id(t *testing.T) {
	client := connect(t, enginetest.RedisAlone(t).Addr)
	ids := make([]string, 8)
	var all sync.WaitGroup
	for i := range ids {
		all.Go(func() {
			store, err := state.Open(t.Context(), client, state.Options{})
			if err == nil {
				ids[i], err = store.Initialise(t.Context(), uuid.NewString())
			}
			if err != nil {
				t.Error(err)
			}
		})
	}
	all.Wait()
	for _, id := range ids {
		if id == "" || id != ids[0] {
			t.Fatalf("the workers have the ids %q", ids)
		}
	}
}

func TestInitialise_that_was_cut_off_is_carried_to_its_end(t *testing.T) {
	store, client := alone(t)
	id, err := store.Installation(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if err := client.Del(t.Context(), "{g80}:marker", "{g81}:marker").Err(); err != nil {
		t.Fatal(err)
	}
	if err := client.HSet(t.Context(), "{g00}:marker", "initialising", "1").Err(); err != nil {
		t.Fatal(err)
	}
	for range 2 {
		if again, err := store.Installation(t.Context()); err != nil || again != id {
			t.Errorf("installation %q, %v; want %q", again, err, id)
		}
	}
	if client.HExists(t.Context(), "{g00}:marker", "initialising").Val() || !client.HExists(t.Context(), "{g81}:marker", "installation").Val() {
		t.Error("the markers are not whole")
	}
}

func TestStore_loads_scripts_anew_when_redis_forgot_them(t *testing.T) {
	store, client := alone(t)
	p := somePartition()
	memory, _ := takeOver(t, store, p, 1)
	for n := uint64(1); n <= 3; n++ {
		if err := client.ScriptFlush(t.Context()).Err(); err != nil {
			t.Fatal(err)
		}
		claim(t, memory, batch(p, n), claims(10, "a", "b"))
		fill(t, memory, p, n, n)
	}
}

// errorsSeen are the errors that a store told of, for a test that awaits them.
type errorsSeen chan error

func (seen errorsSeen) add(_ string, err error) {
	select {
	case seen <- err:
	default:
	}
}

func (seen errorsSeen) await(t testing.TB, n int) {
	t.Helper()
	for range n {
		select {
		case err := <-seen:
			if err == nil {
				t.Fatal("nil was reported as an error")
			}
		case <-time.After(time.Minute):
			t.Fatal("no error was reported within a minute")
		}
	}
}

// records counts log records by level.
type records struct {
	slog.Handler
	warnings, infos *atomic.Int32
}

func (r records) Handle(_ context.Context, record slog.Record) error {
	switch {
	case strings.Contains(record.Message, "trying on"):
		r.warnings.Add(1)
	case strings.Contains(record.Message, "takes calls again"):
		r.infos.Add(1)
	}
	return nil
}

func TestStore_waits_for_a_redis_that_takes_no_writes(t *testing.T) {
	outages := []struct {
		name       string
		begin, end func(ctx context.Context, client *redis.Client) error
	}{
		{"out of memory",
			func(ctx context.Context, c *redis.Client) error { return c.ConfigSet(ctx, "maxmemory", "1").Err() },
			func(ctx context.Context, c *redis.Client) error { return c.ConfigSet(ctx, "maxmemory", "0").Err() }},
		{"read only",
			func(ctx context.Context, c *redis.Client) error { return c.ReplicaOf(ctx, "127.0.0.1", "1").Err() },
			func(ctx context.Context, c *redis.Client) error { return c.ReplicaOf(ctx, "no", "one").Err() }},
		{"too few replicas",
			func(ctx context.Context, c *redis.Client) error {
				return c.ConfigSet(ctx, "min-replicas-to-write", "1").Err()
			},
			func(ctx context.Context, c *redis.Client) error {
				return c.ConfigSet(ctx, "min-replicas-to-write", "0").Err()
			}},
	}
	for _, outage := range outages {
		t.Run(outage.name, func(t *testing.T) {
			_, client := alone(t)
			log := records{Handler: slog.DiscardHandler, warnings: new(atomic.Int32), infos: new(atomic.Int32)}
			seen := make(errorsSeen, 100)
			store, err := state.Open(t.Context(), client, state.Options{Log: slog.New(enabled{log}), OnError: seen.add})
			if err != nil {
				t.Fatal(err)
			}
			if _, err := store.Installation(t.Context()); err != nil {
				t.Fatal(err)
			}
			p := somePartition()
			memory, _ := takeOver(t, store, p, 1)
			if err := outage.begin(t.Context(), client); err != nil {
				t.Fatal(err)
			}
			done := make(chan error, 1)
			go func() {
				_, err := memory.Fill(t.Context(), batch(p, 1), nil, nil, pipeline.Writes{Append: []pipeline.KeyValue{{Key: "log", Value: []byte("1")}}})
				done <- err
			}()
			seen.await(t, 3)
			if err := outage.end(t.Context(), client); err != nil {
				t.Fatal(err)
			}
			if err := <-done; err != nil {
				t.Fatal(err)
			}
			if got := value(t, memory, "log"); got != "1" {
				t.Errorf("memory is %q after the outage, want 1", got)
			}
			if w, i := log.warnings.Load(), log.infos.Load(); w != 1 || i != 1 {
				t.Errorf("%d warnings and %d notices of the end, want one each", w, i)
			}
		})
	}
}

// enabled lets every level through.
type enabled struct{ records }

func (enabled) Enabled(context.Context, slog.Level) bool { return true }

func TestStore_gives_up_when_its_context_ends(t *testing.T) {
	server := enginetest.RedisAlone(t)
	client := redis.NewClient(&redis.Options{Addr: server.Addr, MaxRetries: -1, DialerRetries: 1})
	defer client.Close()
	seen := make(errorsSeen, 100)
	initialised(t, client)
	store, err := state.Open(t.Context(), client, state.Options{Log: slog.New(slog.DiscardHandler), OnError: seen.add})
	if err != nil {
		t.Fatal(err)
	}
	if err := server.Stop(t.Context()); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { _, err := store.Installation(ctx); done <- err }()
	seen.await(t, 2)
	cancel()
	wantError(t, "cancelled", <-done, context.Canceled)
}

func TestStore_does_not_retry_what_waiting_does_not_mend(t *testing.T) {
	store, client := alone(t)
	p := somePartition()
	memory, _ := takeOver(t, store, p, 1)
	if err := client.Del(t.Context(), "{g10}:marker").Err(); err != nil {
		t.Fatal(err)
	}
	if err := client.Set(t.Context(), "{g10}:marker", "not a hash", 0).Err(); err != nil {
		t.Fatal(err)
	}
	_, err := memory.Claim(t.Context(), batch(p, 1), nil)
	if err == nil || errors.Is(err, context.Canceled) || !strings.Contains(err.Error(), "{g10}") {
		t.Errorf("a marker of another type: %v", err)
	}
}
