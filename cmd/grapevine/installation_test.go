package main

import (
	"context"
	"log/slog"
	"testing"

	"github.com/redis/go-redis/v9"

	"github.com/grapevinehq/grapevine/internal/enginetest"
	"github.com/grapevinehq/grapevine/pipeline/state"
)

// booksOfAnother are books that another worker takes, Redis before them, at the moment
// when they are asked.
type booksOfAnother struct{ store *state.Store }

func (b booksOfAnother) Installation(ctx context.Context) (string, error) {
	return b.store.Initialise(ctx, "theirs")
}

func (b booksOfAnother) RecordInstallation(ctx context.Context, _ string) (string, error) {
	return b.Installation(ctx)
}

func TestJoinInstallation_that_another_worker_begins_at_this_moment(t *testing.T) {
	client := redis.NewClient(&redis.Options{Addr: enginetest.RedisAlone(t).Addr})
	defer client.Close()
	store, err := state.Open(t.Context(), client, state.Options{Log: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	if id, err := joinInstallation(t.Context(), store, booksOfAnother{store}, nil); err != nil || id != "theirs" {
		t.Errorf("joined %q: %v", id, err)
	}
}
