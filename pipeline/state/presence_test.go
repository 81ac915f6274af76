package state_test

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/grapevinehq/grapevine/pipeline/state"
)

func TestPresence_lists_who_spoke_lately(t *testing.T) {
	store, client := alone(t)
	names := func() (got []string) {
		t.Helper()
		workers, err := state.Present(t.Context(), client)
		if err != nil {
			t.Fatal(err)
		}
		for _, w := range workers {
			got = append(got, fmt.Sprintf("%s=%s", w.Worker, w.Note))
			if w.Ago < 0 || w.Ago > state.Silent {
				t.Errorf("%s spoke %s ago", w.Worker, w.Ago)
			}
		}
		return got
	}
	if got := names(); got != nil {
		t.Errorf("nobody spoke, and %v are there", got)
	}
	say := func(worker, note string) {
		t.Helper()
		if err := store.Announce(t.Context(), worker, []byte(note)); err != nil {
			t.Fatal(err)
		}
	}
	say("b", "one")
	say("a", "two")
	say("b", "three\x00")
	if got := fmt.Sprint(names()); got != "[a=two b=three\x00]" {
		t.Errorf("workers %q", got)
	}
	// Silent workers are not listed, and the next who speaks forgets them; so is
	// what nobody understands.
	old := time.Now().Add(-state.Silent - time.Second).UnixMilli()
	if err := client.HSet(t.Context(), "{g00}:workers", "gone", fmt.Sprintf(`{"at":%d,"note":""}`, old), "strange", "x").Err(); err != nil {
		t.Fatal(err)
	}
	if got := names(); len(got) != 2 {
		t.Errorf("workers %q", got)
	}
	say("a", "four")
	if n := client.HLen(t.Context(), "{g00}:workers").Val(); n != 2 {
		t.Errorf("%d are remembered", n)
	}
	if err := store.Withdraw(t.Context(), "a"); err != nil {
		t.Fatal(err)
	}
	if got := fmt.Sprint(names()); got != "[b=three\x00]" {
		t.Errorf("workers %q", got)
	}
}

func TestPresence_does_not_wait_for_a_Redis_that_is_away(t *testing.T) {
	store, _ := alone(t)
	away := redis.NewClient(&redis.Options{Addr: "127.0.0.1:1", MaxRetries: -1})
	defer away.Close()
	if _, err := state.Present(t.Context(), away); err == nil {
		t.Error("no error")
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := store.Announce(ctx, "a", nil); err == nil {
		t.Error("no error")
	}
}
