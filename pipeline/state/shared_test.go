package state_test

import (
	"fmt"
	"reflect"
	"testing"

	"github.com/grapevinehq/grapevine/pipeline"
	"github.com/grapevinehq/grapevine/pipeline/state"
)

func share(t testing.TB, memory pipeline.Memory, b pipeline.Bounds, sets ...pipeline.SharedSet) {
	t.Helper()
	if err := memory.ApplyShared(t.Context(), b, sets); err != nil {
		t.Fatal(err)
	}
}

func set(key, field, value string) pipeline.SharedSet {
	return pipeline.SharedSet{Key: key, Field: field, Value: []byte(value)}
}

// readers reads shared memory of the partition's topic.
func reader(store *state.Store, p pipeline.Partition) *state.SharedReader {
	return store.SharedReader(map[string]string{"referral.members": p.Incarnation})
}

// progress says that batch n of partition 3 is complete.
func progress(n uint64) map[string][]uint64 {
	return map[string][]uint64{"referral.members": {0, 0, 0, n}}
}

func TestShared_fields_are_applied_once_and_read(t *testing.T) {
	store, _ := alone(t)
	p := somePartition()
	memory, _ := takeOver(t, store, p, 1)
	share(t, memory, batch(p, 1), set("acme/ada", "1", "old"), set("acme/ada", "2", "x"), set("acme/bob", "1", ""))
	share(t, memory, batch(p, 1), set("acme/ada", "1", "a late request with other values"))
	share(t, memory, batch(p, 2), set("acme/ada", "3", "new"), pipeline.SharedSet{Key: "acme/ada", Field: "2"})
	wantError(t, "an older batch", memory.ApplyShared(t.Context(), batch(p, 1), nil), pipeline.ErrFenced)
	wantError(t, "a batch too many", memory.ApplyShared(t.Context(), batch(p, 4), nil), pipeline.ErrStateLost)

	got, err := reader(store, p).ReadShared(t.Context(), progress(2), []string{"acme/ada", "acme/none", "acme/bob", "acme/ada"})
	if err != nil {
		t.Fatal(err)
	}
	ada := map[string][]byte{"1": []byte("old"), "3": []byte("new")}
	if want := []map[string][]byte{ada, nil, {"1": {}}, ada}; !reflect.DeepEqual(got, want) {
		t.Errorf("read %q, want %q", got, want)
	}
	_, err = reader(store, p).ReadShared(t.Context(), progress(3), []string{"acme/ada"})
	wantError(t, "reading before it is complete", err, pipeline.ErrStateLost)
	if got, err := reader(store, p).ReadShared(t.Context(), progress(3), nil); err != nil || len(got) != 0 {
		t.Errorf("reading nothing: %v, %v", got, err)
	}
	if _, err := store.SharedReader(nil).ReadShared(t.Context(), progress(1), []string{"acme/ada"}); err == nil {
		t.Error("a topic without an id was read")
	}
}

func TestShared_fields_of_an_old_generation_are_refused_where_the_next_has_been(t *testing.T) {
	store, _ := alone(t)
	p := somePartition()
	old, _ := takeOver(t, store, p, 1)
	successor, _ := takeOver(t, store, p, 2)
	share(t, successor, batch(p, 1))
	wantError(t, "the old generation", old.ApplyShared(t.Context(), batch(p, 1), nil), pipeline.ErrFenced)
}

func TestShared_many_fields(t *testing.T) {
	store, _ := alone(t)
	p := somePartition()
	memory, _ := takeOver(t, store, p, 1)
	const n = 20000
	sets := make([]pipeline.SharedSet, n)
	keys := make([]string, n)
	for i := range sets {
		keys[i] = fmt.Sprintf("acme/m%d", i)
		sets[i] = set(keys[i], "f", keys[i])
	}
	share(t, memory, batch(p, 1), sets...)
	got, err := reader(store, p).ReadShared(t.Context(), progress(1), keys)
	if err != nil {
		t.Fatal(err)
	}
	for i, key := range keys {
		if string(got[i]["f"]) != key {
			t.Fatalf("%s reads %q", key, got[i])
		}
	}
}
