package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"testing"

	"github.com/grapevinehq/grapevine/analytics"
	"github.com/grapevinehq/grapevine/pipeline/state"
)

func TestWorker_waits_for_engines_that_are_away_and_stops_for_those_set_up_wrong(t *testing.T) {
	w := &worker{health: &health{}, log: slog.New(slog.DiscardHandler)}
	away := make(map[string]func())
	probe := func(answer error) error {
		return w.probe(t.Context(), "redis", func(context.Context) error { return answer }, away)
	}
	if err := probe(errors.New("connection refused")); err != nil || fmt.Sprint(w.health.list()) != "[redis]" {
		t.Errorf("away: %v, waiting for %v", err, w.health.list())
	}
	if err := probe(nil); err != nil || len(w.health.list()) > 0 {
		t.Errorf("back: %v, waiting for %v", err, w.health.list())
	}
	for _, wrong := range []error{state.ErrSettings, analytics.ErrSettings} {
		if err := probe(fmt.Errorf("it may evict: %w", wrong)); !errors.Is(err, wrong) {
			t.Errorf("got %v, want %v", err, wrong)
		}
	}
}
