package main

import (
	"context"
	"log/slog"
	"os"
	"time"
)

// leavingTakes is the part of shutdown_timeout that is kept for leaving the consumer
// group, after the batches in flight had the rest.
func leavingTakes(timeout time.Duration) time.Duration { return min(timeout/10, time.Second) }

// endInTime ends the process with 0 when a stop takes longer than it may. What is
// left then is a call to an engine that does not answer, and that not even the end
// of its context ends. Nothing is half-done by it: a worker may end between any two
// steps, and whoever takes its partitions over finishes (docs/exactly-once.md).
func endInTime(ctx context.Context, timeout time.Duration, log *slog.Logger) (undo func()) {
	ended := make(chan struct{})
	undone := context.AfterFunc(ctx, func() {
		select {
		case <-time.After(timeout):
			log.Warn("the time to stop is over, and an engine does not answer: whoever takes the partitions over finishes their batches", "after", timeout)
			os.Exit(exitDone)
		case <-ended:
		}
	})
	return func() {
		undone()
		close(ended)
	}
}
