package state_test

import (
	"fmt"
	"slices"
	"strconv"
	"testing"

	"github.com/redis/go-redis/v9"

	"github.com/grapevinehq/grapevine/internal/enginetest"
	"github.com/grapevinehq/grapevine/pipeline"
	"github.com/grapevinehq/grapevine/pipeline/state"
)

// cluster starts a Redis Cluster of three primaries, each with a third of the slots.
func cluster(t *testing.T) *redis.ClusterClient {
	t.Helper()
	client := redis.NewClusterClient(&redis.ClusterOptions{Addrs: enginetest.RedisCluster(t)})
	t.Cleanup(func() {
		if err := client.Close(); err != nil {
			t.Error(err)
		}
	})
	return client
}

func TestCluster_carries_all_of_it(t *testing.T) {
	client := cluster(t)
	store := initialised(t, client)
	topic := somePartition()
	keys := make([]string, 1000)
	for i := range keys {
		keys[i] = fmt.Sprintf("acme/m%d", i)
	}
	for id := range 8 {
		p := topic
		p.ID = id
		memory, _ := takeOver(t, store, p, 1)
		drawOnAll(t, memory, p, keys)
		won := claim(t, memory, batch(p, 1), claims(10, keys...))
		if slices.Contains(won, id > 0) {
			t.Fatalf("partition %d won %v", id, won)
		}
		fill(t, memory, p, 1, 1)
		sets := make([]pipeline.SharedSet, len(keys))
		for i, key := range keys {
			sets[i] = set(key, strconv.Itoa(id), key)
		}
		share(t, memory, batch(p, 1), sets...)
		if err := store.CheckShared(t.Context(), p, 2); err != nil {
			t.Fatal(err)
		}
		if got := value(t, memory, "log"); got != "1," {
			t.Fatalf("partition %d reads %q", id, got)
		}
	}
	got, err := reader(store, topic).ReadShared(t.Context(), map[string][]uint64{"referral.members": {1, 1, 1, 1, 1, 1, 1, 1}}, keys)
	if err != nil {
		t.Fatal(err)
	}
	for i, key := range keys {
		if len(got[i]) != 8 || string(got[i]["7"]) != key {
			t.Fatalf("%s reads %q", key, got[i])
		}
	}
	if _, err := store.HashSecret(t.Context()); err != nil {
		t.Error(err)
	}
}

// drawOnAll takes 1 from each budget, of which there are 3.
func drawOnAll(t *testing.T, memory pipeline.Memory, p pipeline.Partition, budgets []string) {
	t.Helper()
	begin(t, memory, batch(p, 1))
	var draws []pipeline.Draw
	for _, budget := range budgets {
		draws = append(draws, onBudget(budget, 0, []pipeline.Draw{take("1", 3, 1, 1, strconv.Itoa(p.ID))})...)
	}
	answers, err := memory.Draw(t.Context(), batch(p, 1), draws)
	if err != nil {
		t.Fatal(err)
	}
	for i, answer := range answers {
		if answer.Taken != (p.ID < 3) {
			t.Fatalf("partition %d, %s: %+v", p.ID, budgets[i], answer)
		}
	}
	granted, err := memory.Granted(t.Context(), budgets)
	if err != nil || slices.Contains(granted, true) {
		t.Fatalf("partition %d: granted %v, %v", p.ID, granted, err)
	}
}

func TestCluster_notices_a_shard_that_lost_its_data(t *testing.T) {
	client := cluster(t)
	store := initialised(t, client)
	p := somePartition()
	memory, _ := takeOver(t, store, p, 1)
	claim(t, memory, batch(p, 1), nil)
	fill(t, memory, p, 1, 1)

	shard, err := client.MasterForKey(t.Context(), "{g42}:marker")
	if err != nil {
		t.Fatal(err)
	}
	if err := shard.FlushAll(t.Context()).Err(); err != nil {
		t.Fatal(err)
	}
	_, err = memory.Claim(t.Context(), batch(p, 2), nil)
	wantError(t, "claim", err, pipeline.ErrStateLost)
	wantError(t, "check", store.CheckShared(t.Context(), p, 2), pipeline.ErrStateLost)
	_, err = store.Installation(t.Context())
	wantError(t, "installation", err, pipeline.ErrStateLost)
	var other *state.Store
	if other, err = state.Open(t.Context(), client, state.Options{}); err != nil {
		t.Fatal(err)
	}
	_, err = other.Initialise(t.Context(), "another")
	wantError(t, "initialise", err, pipeline.ErrStateLost)
}
