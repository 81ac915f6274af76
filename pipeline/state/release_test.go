package state_test

import (
	"fmt"
	"slices"
	"testing"

	"github.com/grapevinehq/grapevine/pipeline"
)

// owned are claims that were won.
func owned(list []pipeline.Claim) []pipeline.Owned {
	out := make([]pipeline.Owned, len(list))
	for i, c := range list {
		out[i] = pipeline.Owned{ID: pipeline.NewClaimID(c.Key), Offset: c.Offset}
	}
	return out
}

func release(t testing.TB, memory pipeline.Memory, b pipeline.Bounds, list []pipeline.Claim) {
	t.Helper()
	if err := memory.Release(t.Context(), b, owned(list)); err != nil {
		t.Fatal(err)
	}
}

const lost, won, unlessOld = pipeline.ClaimLost, pipeline.ClaimWon, pipeline.ClaimWonUnlessOld

func TestRelease_leaves_what_is_asked_of_the_books(t *testing.T) {
	store, client := alone(t)
	p, other := somePartition(), somePartition()
	memory, _ := takeOver(t, store, p, 1)
	rival, _ := takeOver(t, store, other, 1)
	claim(t, memory, batch(p, 1), claims(10, "a", "b", "c"))
	claim(t, memory, batch(p, 2), nil)
	release(t, memory, batch(p, 2), claims(10, "a", "b"))
	release(t, memory, batch(p, 2), claims(10, "a")) // again
	release(t, memory, batch(p, 2), claims(13, "c")) // another position's
	if keys := client.Keys(t.Context(), "{g??}:c*").Val(); len(keys) != 1 {
		t.Errorf("claims are left in %q, want those of one id", keys)
	}

	known, err := store.Owned(t.Context(), p, append(claims(10, "a", "b", "c"), claims(12, "d", "a")...))
	if err != nil || !slices.Equal(known, []bool{true, true, true, false, true}) {
		t.Errorf("of two that were released, one that is claimed, one that is not and one of old: %v (%v)", known, err)
	}

	steps := []struct {
		name   string
		memory pipeline.Memory
		bounds pipeline.Bounds
		claims []pipeline.Claim
		want   []pipeline.Claimed
	}{
		{"asked", memory, batch(p, 2), peek(20, "a", "c", "d"), []pipeline.Claimed{unlessOld, lost, won}},
		{"of another partition", rival, batch(other, 1), claims(10, "a", "c", "d"), []pipeline.Claimed{unlessOld, lost, won}},
		{"claimed meanwhile", memory, batch(p, 3), claims(30, "a", "b", "d"), []pipeline.Claimed{lost, unlessOld, lost}},
		{"by a replay", memory, batch(p, 3), claims(30, "a", "b", "d"), []pipeline.Claimed{lost, unlessOld, lost}},
	}
	for _, step := range steps {
		got, err := step.memory.Claim(t.Context(), step.bounds, step.claims)
		if err != nil || !slices.Equal(got, step.want) {
			t.Errorf("%s: %v (%v), want %v", step.name, got, err, step.want)
		}
	}
}

func TestRelease_is_fenced_and_notices_lost_groups(t *testing.T) {
	store, client := alone(t)
	p := somePartition()
	memory, _ := takeOver(t, store, p, 1)
	list := claims(10, "a")
	claim(t, memory, batch(p, 1), list)
	err := memory.Release(t.Context(), batch(p, 2), owned(list))
	wantError(t, "release before the batch has claimed", err, pipeline.ErrStateLost)
	successor, _ := takeOver(t, store, p, 2)
	claim(t, successor, batch(p, 2), nil)
	err = memory.Release(t.Context(), batch(p, 2), owned(list))
	wantError(t, "release by the old generation", err, pipeline.ErrFenced)
	claim(t, successor, batch(p, 3), nil)
	err = successor.Release(t.Context(), batch(p, 2), owned(list))
	wantError(t, "release of an older batch", err, pipeline.ErrFenced)
	if got := claim(t, successor, batch(p, 3), claims(30, "a")); got[0] {
		t.Error("the claim is gone, though every release was refused")
	}
	if err := client.FlushAll(t.Context()).Err(); err != nil {
		t.Fatal(err)
	}
	err = successor.Release(t.Context(), batch(p, 3), owned(list))
	wantError(t, "release after a flush", err, pipeline.ErrStateLost)
}

// What was released is never forgotten, and what was not is hardly ever suspected.
func TestRelease_remembers_all_in_little_room(t *testing.T) {
	store, client := alone(t)
	p := somePartition()
	memory, _ := takeOver(t, store, p, 1)
	const batches, ids = 4, 5000
	var all []pipeline.Claim
	for n := range uint64(batches) {
		list := make([]pipeline.Claim, ids)
		for i := range list {
			list[i] = pipeline.Claim{Key: fmt.Sprintf("conv/acme/p1/%d-%d", n, i), Offset: int64(n)*ids + int64(i)}
		}
		if _, err := memory.Claim(t.Context(), batch(p, n+1), list); err != nil {
			t.Fatal(err)
		}
		all = append(all, list...)
	}
	claim(t, memory, batch(p, batches+1), nil)
	release(t, memory, batch(p, batches+1), all)
	if keys := client.Keys(t.Context(), "{g??}:c*").Val(); len(keys) != 0 {
		t.Errorf("%d keys of claims are left", len(keys))
	}
	usage, err := store.Usage(t.Context())
	if err != nil || usage["claims"].Bytes > 34<<20 {
		t.Errorf("what was released takes %d bytes (%v)", usage["claims"].Bytes, err)
	}
	var fresh []pipeline.Claim
	for i, c := range all {
		all[i].Peek = true
		fresh = append(fresh, pipeline.Claim{Key: c.Key + "?", Offset: c.Offset, Peek: true})
	}
	for i, c := range asked(t, memory, batch(p, batches+1), all) {
		if c != unlessOld {
			t.Fatalf("%s was released, and is told %d", all[i].Key, c)
		}
	}
	suspected := 0
	for _, c := range asked(t, memory, batch(p, batches+1), fresh) {
		if c == unlessOld {
			suspected++
		}
	}
	if suspected > 1 {
		t.Errorf("%d of %d new ids are suspected", suspected, len(fresh))
	}
}

func asked(t *testing.T, memory pipeline.Memory, b pipeline.Bounds, list []pipeline.Claim) []pipeline.Claimed {
	t.Helper()
	claimed, err := memory.Claim(t.Context(), b, list)
	if err != nil {
		t.Fatal(err)
	}
	return claimed
}
