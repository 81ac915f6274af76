package state_test

import (
	"fmt"
	"strconv"
	"testing"

	"github.com/google/uuid"

	"github.com/grapevinehq/grapevine/pipeline"
	"github.com/grapevinehq/grapevine/pipeline/state"
)

func TestUsage_counts_every_key_in_its_class(t *testing.T) {
	store, client := alone(t)
	p := somePartition()
	memory, _ := takeOver(t, store, p, 1)
	claim(t, memory, batch(p, 1), claims(10, "a"))
	drawn(t, memory, batch(p, 1), "acme/2026", take("1", 100, 60, 1, "a"), take("2", 100, 60, 2, "b"), take("3", 100, 61, 3, "c"), give("4", 100, 60))
	writes := pipeline.Writes{Enqueue: []pipeline.QueueMember{member("due", "a", 1)}, Set: []pipeline.KeyValue{{Key: "b1.0", Value: make([]byte, 1000)}, {Key: "b1.1", Value: make([]byte, 1000)}, {Key: "ledger/x", Value: []byte("1")}}}
	if _, err := memory.Fill(t.Context(), batch(p, 1), nil, nil, writes); err != nil {
		t.Fatal(err)
	}
	share(t, memory, batch(p, 1), set("acme/ada", "1", "x"))
	if err := store.PutRevision(t.Context(), "h", []byte("x")); err != nil {
		t.Fatal(err)
	}
	if _, err := store.HashSecret(t.Context()); err != nil {
		t.Fatal(err)
	}
	usage, err := store.Usage(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	want := map[string]int{"marker": state.Groups, "journal": 1, "claims": 1, "memory/b": 2, "memory/ledger": 1, "memory/due": 1, "budgets": 5, "shared": 1, "revision": 1, "meta": 1}
	keys := 0
	for class, n := range want {
		keys += n
		if usage[class].Keys != n || usage[class].Bytes == 0 {
			t.Errorf("%s: %+v, want %d keys", class, usage[class], n)
		}
	}
	if b := usage["memory/b"].Bytes; b < 2000 || b > 3000 {
		t.Errorf("two values of 1,000 bytes take %d", b)
	}
	if size := client.DBSize(t.Context()).Val(); len(usage) != len(want) || int(size) != keys {
		t.Errorf("usage %v of %d keys, want %d", usage, size, keys)
	}
}

// BenchmarkClaimMemory reports what a claim takes in Redis.
func BenchmarkClaimMemory(b *testing.B) {
	for _, n := range []int{10_000, 1_000_000} {
		b.Run(fmt.Sprintf("claims=%d", n), func(b *testing.B) {
			store, _ := alone(b)
			p := somePartition()
			memory, _ := takeOver(b, store, p, 1)
			list := make([]pipeline.Claim, 10_000)
			for done := 0; done < n; done += len(list) {
				for i := range list {
					list[i] = pipeline.Claim{Key: fmt.Sprintf("conv/acme/p1/%d", done+i), Offset: int64(done + i)}
				}
				claim(b, memory, batch(p, uint64(done/len(list)+1)), list)
			}
			var usage map[string]state.Usage
			for b.Loop() {
				var err error
				if usage, err = store.Usage(b.Context()); err != nil {
					b.Fatal(err)
				}
			}
			b.ReportMetric(float64(usage["claims"].Bytes)/float64(n), "redis-bytes/claim")
		})
	}
}

// BenchmarkBudgetMemory reports what a budget takes in Redis, and a reward that
// waits for one.
func BenchmarkBudgetMemory(b *testing.B) {
	for _, kind := range []struct {
		name           string
		budgets, takes int
		limit          int64
	}{
		{"budgets=10000", 10_000, 10_000, 1 << 40},
		{"waiting=100000", 1, 100_000, 0},
	} {
		b.Run(kind.name, func(b *testing.B) {
			store, _ := alone(b)
			p := somePartition()
			memory, _ := takeOver(b, store, p, 1)
			for n, from := uint64(1), 0; from < kind.takes; n, from = n+1, from+10_000 {
				draws := make([]pipeline.Draw, 10_000)
				for i := range draws {
					d := take(strconv.Itoa(i), kind.limit, 1000, int64(from+i), uuid.NewString())
					d.Ref = "acme/ada/12345"
					draws[i] = onBudget(fmt.Sprintf("acme/2026-11/%d", i%kind.budgets), n-1, []pipeline.Draw{d})[0]
				}
				begin(b, memory, batch(p, n))
				if _, err := memory.Draw(b.Context(), batch(p, n), draws); err != nil {
					b.Fatal(err)
				}
			}
			var usage map[string]state.Usage
			for b.Loop() {
				var err error
				if usage, err = store.Usage(b.Context()); err != nil {
					b.Fatal(err)
				}
			}
			b.ReportMetric(float64(usage["budgets"].Bytes)/float64(kind.takes), "redis-bytes/each")
		})
	}
}
