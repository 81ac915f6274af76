package enginetest

import (
	"context"
	"testing"
	"time"
)

// stopAfter stops an engine that only this test uses, when the test is over.
func stopAfter(t testing.TB, stop func(context.Context) error) {
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
		defer cancel()
		if err := stop(ctx); err != nil {
			t.Errorf("stop an engine: %v", err)
		}
	})
}
