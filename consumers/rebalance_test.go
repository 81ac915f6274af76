package consumers_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/grapevinehq/grapevine/consumers"
	"github.com/grapevinehq/grapevine/pipeline"
)

func init() {
	conformance["a rebalance waits for a batch in flight, and for its commit"] = batchFinished
	conformance["a rebalance does not wait for long"] = batchGivenUp
}

// rebalanced has a handler work the only partition when another member joins, and
// returns once that partition is worked again.
func (b *bed) rebalanced(handle func(context.Context, pipeline.Source) error) {
	b.t.Helper()
	b.create(1)
	group, err := consumers.NewGroup(b.open(), consumers.Clicks)
	if err != nil {
		b.t.Fatal(err)
	}
	ctx, stop := context.WithTimeout(b.t.Context(), 40*time.Second)
	defer stop()
	working, again := make(chan struct{}), make(chan struct{})
	ended := make(chan error)
	var begun bool
	work := func(ctx context.Context, source pipeline.Source) error {
		if begun {
			close(again)
			<-source.Ending()
			return nil
		}
		begun = true
		close(working)
		return handle(ctx, source)
	}
	go func() { ended <- group.Run(ctx, work) }()
	<-working
	b.join(consumers.Clicks)
	select {
	case <-again:
	case err := <-ended:
		b.t.Errorf("the group ended: %v", err)
		return
	}
	stop()
	if err := <-ended; err != nil {
		b.t.Error(err)
	}
}

func batchFinished(t *testing.T, b *bed) {
	var took error
	b.rebalanced(func(ctx context.Context, source pipeline.Source) error {
		<-source.Ending()
		took = sleep(ctx, consumers.MaxHeartbeat) // acknowledgements that are on their way arrive
		lease := source.Lease()
		if took == nil {
			took = sleep(ctx, consumers.MaxHeartbeat)
		}
		if !source.Lease().Equal(lease) {
			t.Error("the lease was renewed in a rebalance")
		}
		if took == nil {
			took = source.Commit(ctx, 1, "finished")
		}
		return nil
	})
	if took != nil {
		t.Error(took)
	}
	lags, err := b.cluster.Lags(t.Context(), consumers.Clicks)
	if err != nil || lags[0].Committed != 1 || lags[0].Metadata != "finished" {
		t.Errorf("%+v, %v", lags, err)
	}
}

func batchGivenUp(t *testing.T, b *bed) {
	var waited time.Duration
	b.rebalanced(func(ctx context.Context, source pipeline.Source) error {
		<-source.Ending()
		began := time.Now()
		<-ctx.Done()
		waited = time.Since(began)
		if !errors.Is(context.Cause(ctx), pipeline.ErrFenced) {
			t.Errorf("given up for %v", context.Cause(ctx))
		}
		return nil
	})
	if waited < time.Second || waited > consumers.DefaultSessionTimeout {
		t.Errorf("waited for %s", waited)
	}
}
