package state_test

import (
	"fmt"
	"slices"
	"sync"
	"testing"

	"github.com/grapevinehq/grapevine/pipeline"
)

func claims(offset int64, keys ...string) []pipeline.Claim {
	list := make([]pipeline.Claim, len(keys))
	for i, key := range keys {
		list[i] = pipeline.Claim{Key: key, Offset: offset + int64(i)}
	}
	return list
}

// claim claims ids that are none of them old.
func claim(t testing.TB, memory pipeline.Memory, b pipeline.Bounds, list []pipeline.Claim) []bool {
	t.Helper()
	claimed, err := memory.Claim(t.Context(), b, list)
	if err != nil {
		t.Fatal(err)
	}
	won := make([]bool, len(claimed))
	for i, c := range claimed {
		if won[i] = c == pipeline.ClaimWon; c == pipeline.ClaimWonUnlessOld {
			t.Errorf("batch %d: %s may be old, and nothing is", b.Number, list[i].Key)
		}
	}
	return won
}

func TestClaim_is_won_by_the_first_position_alone(t *testing.T) {
	store, _ := alone(t)
	p, other := somePartition(), somePartition()
	memory, _ := takeOver(t, store, p, 1)
	rival, _ := takeOver(t, store, other, 1)

	steps := []struct {
		name   string
		memory pipeline.Memory
		bounds pipeline.Bounds
		claims []pipeline.Claim
		want   []bool
	}{
		{"first", memory, batch(p, 1), claims(10, "a", "b", "a"), []bool{true, true, false}},
		{"second call of the batch", memory, batch(p, 1), claims(11, "c"), []bool{true}},
		{"replay", memory, batch(p, 1), claims(10, "a", "b", "a"), []bool{true, true, false}},
		{"other topic, equal position", rival, batch(other, 1), claims(10, "a", "d"), []bool{false, true}},
		{"later batch", memory, batch(p, 2), claims(20, "b", "d", "e"), []bool{false, false, true}},
		{"no claims", memory, batch(p, 3), nil, []bool{}},
		{"after none", memory, batch(p, 4), claims(40, "e", "f"), []bool{false, true}},
	}
	for _, step := range steps {
		if got := claim(t, step.memory, step.bounds, step.claims); !slices.Equal(got, step.want) {
			t.Errorf("%s: won %v, want %v", step.name, got, step.want)
		}
	}
}

func peek(offset int64, keys ...string) []pipeline.Claim {
	list := claims(offset, keys...)
	for i := range list {
		list[i].Offset, list[i].Peek = offset, true
	}
	return list
}

func TestClaim_peeks_without_claiming(t *testing.T) {
	store, _ := alone(t)
	p, other := somePartition(), somePartition()
	memory, _ := takeOver(t, store, p, 1)
	rival, _ := takeOver(t, store, other, 1)
	claim(t, memory, batch(p, 1), claims(10, "a"))

	steps := []struct {
		name   string
		memory pipeline.Memory
		bounds pipeline.Bounds
		claims []pipeline.Claim
		want   []bool
	}{
		{"owned by this position, by nobody", memory, batch(p, 1), peek(10, "a", "b"), []bool{true, true}},
		{"owned by another position", memory, batch(p, 1), peek(11, "a"), []bool{false}},
		{"owned by another partition", rival, batch(other, 1), peek(10, "a"), []bool{false}},
		{"nothing was claimed by asking", rival, batch(other, 1), claims(10, "b"), []bool{true}},
		{"asked, claimed, asked", memory, batch(p, 2), slices.Concat(peek(20, "c"), claims(21, "c"), peek(20, "c"), peek(21, "c"), peek(22, "b")), []bool{true, true, false, true, false}},
		{"by a replay", memory, batch(p, 2), slices.Concat(peek(20, "c"), claims(21, "c")), []bool{false, true}},
		{"the first call of a batch visits all groups", memory, batch(p, 3), peek(30, "d"), []bool{true}},
		{"so that none is behind", memory, batch(p, 4), nil, []bool{}},
	}
	for _, step := range steps {
		if got := claim(t, step.memory, step.bounds, step.claims); !slices.Equal(got, step.want) {
			t.Errorf("%s: won %v, want %v", step.name, got, step.want)
		}
	}
}

func TestClaim_by_a_successor_finds_its_own(t *testing.T) {
	store, _ := alone(t)
	p := somePartition()
	memory, _ := takeOver(t, store, p, 1)
	claim(t, memory, batch(p, 1), claims(10, "a", "b"))
	successor, _ := takeOver(t, store, p, 2)
	if got := claim(t, successor, batch(p, 1), claims(10, "a", "b")); !slices.Equal(got, []bool{true, true}) {
		t.Errorf("the successor won %v, want both", got)
	}
	_, err := memory.Claim(t.Context(), batch(p, 1), claims(10, "a"))
	wantError(t, "claim of the old generation", err, pipeline.ErrFenced)
	claim(t, successor, batch(p, 2), nil)
	_, err = successor.Claim(t.Context(), batch(p, 1), claims(10, "a"))
	wantError(t, "claim of an older batch", err, pipeline.ErrFenced)
	_, err = successor.Claim(t.Context(), batch(p, 4), nil)
	wantError(t, "claim of a batch too many", err, pipeline.ErrStateLost)
}

func TestClaim_races_have_one_winner_an_id(t *testing.T) {
	store, _ := alone(t)
	topic := somePartition()
	const rivals, ids = 8, 2000
	keys := make([]string, ids)
	for i := range keys {
		keys[i] = fmt.Sprintf("conv/acme/p1/%d", i)
	}
	winners := make([][]pipeline.Claimed, rivals)
	var all sync.WaitGroup
	for i := range rivals {
		p := topic
		p.ID = i
		memory, _ := takeOver(t, store, p, 1)
		all.Go(func() {
			var err error
			if winners[i], err = memory.Claim(t.Context(), batch(p, 1), claims(10, keys...)); err != nil {
				t.Error(err)
			}
		})
	}
	all.Wait()
	for id := range ids {
		n := 0
		for _, won := range winners {
			if won[id] != pipeline.ClaimLost {
				n++
			}
		}
		if n != 1 {
			t.Fatalf("%s has %d winners", keys[id], n)
		}
	}
}

func TestFill_refuses_a_batch_that_skipped_its_claims(t *testing.T) {
	store, _ := alone(t)
	p := somePartition()
	memory, _ := takeOver(t, store, p, 1)
	claim(t, memory, batch(p, 1), claims(10, "a"))
	fill(t, memory, p, 1, 1)
	if _, err := memory.Fill(t.Context(), batch(p, 2), nil, nil, pipeline.Writes{}); err == nil {
		t.Error("batch 2 was journalled without a claim")
	}
	claim(t, memory, batch(p, 2), nil)
	fill(t, memory, p, 2, 2)
}
