package consumers_test

import (
	"context"
	"strconv"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/grapevinehq/grapevine/consumers"
	"github.com/grapevinehq/grapevine/pipeline"
)

func init() {
	conformance["a barrier opens when what lay there is committed"] = barrierOpens
	conformance["a barrier is open where nothing lies"] = barrierOpen
	conformance["a barrier waits at most so long"] = barrierTimesOut
	conformance["a barrier does not wait for open transactions"] = barrierStable
	conformance["lag is told by partition"] = lagTold
}

// barrier starts a barrier whose commits carry the batch's number alone.
func (b *bed) barrier() *consumers.Barrier {
	b.t.Helper()
	barrier := consumers.NewBarrier(b.cluster, consumers.BarrierOptions{Completed: func(metadata string) uint64 {
		n, err := strconv.ParseUint(metadata, 10, 64)
		if err != nil {
			b.t.Errorf("metadata %q", metadata)
		}
		return n
	}})
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		if err := barrier.Run(ctx); err != nil {
			b.t.Error(err)
		}
	}()
	b.t.Cleanup(func() { cancel(); <-ended })
	return barrier
}

type opened struct {
	progress pipeline.Progress
	err      error
}

func waitFor(barrier *consumers.Barrier, topics ...string) <-chan opened {
	result := make(chan opened, 1)
	go func() {
		ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
		defer cancel()
		progress, err := barrier.Wait(ctx, topics)
		result <- opened{progress, err}
	}()
	return result
}

func (b *bed) commit(s assigned, offset int64, metadata string) {
	b.t.Helper()
	if err := s.source.Commit(s.ctx, offset, metadata); err != nil {
		b.t.Fatal(err)
	}
}

func barrierOpens(t *testing.T, b *bed) {
	b.create(2)
	w := b.join(consumers.Clicks, consumers.Members)
	for i := range 40 {
		b.publish(pipeline.Message{Topic: consumers.Clicks, Key: []byte(strconv.Itoa(i)), Value: []byte("v")})
	}
	b.publish(pipeline.Message{Topic: consumers.Members, Key: []byte("m"), Value: []byte("v")})
	lags, err := b.cluster.Lags(t.Context(), consumers.Clicks, consumers.Members)
	if err != nil {
		t.Fatal(err)
	}
	barrier := b.barrier()
	waiting := waitFor(barrier, consumers.Clicks, consumers.Members)
	for i, lag := range lags { // all but the last bit
		if lag.End > 0 {
			b.commit(w.source(lag.Topic, lag.Partition), lag.End-1, strconv.Itoa(10+i))
		}
	}
	select {
	case o := <-waiting:
		t.Fatalf("open too early: %+v", o)
	case <-time.After(300 * time.Millisecond):
	}
	b.publish(pipeline.Message{Topic: consumers.Clicks, Key: []byte("later"), Value: []byte("v")}) // nobody waits for it
	for i, lag := range lags {
		if lag.End > 0 {
			b.commit(w.source(lag.Topic, lag.Partition), lag.End, strconv.Itoa(20+i))
		}
	}
	o := <-waiting
	if o.err != nil || o.progress.TimedOut {
		t.Fatal(o)
	}
	for i, lag := range lags {
		want := uint64(20 + i)
		if lag.End == 0 {
			want = 0
		}
		if got := o.progress.Numbers[lag.Topic]; len(got) != 2 || got[lag.Partition] != want {
			t.Errorf("%s/%d: progress %v, want %d", lag.Topic, lag.Partition, got, want)
		}
	}
}

func barrierOpen(t *testing.T, b *bed) {
	b.create(2)
	if o := <-waitFor(b.barrier(), consumers.Clicks, consumers.Members); o.err != nil || len(o.progress.Numbers[consumers.Clicks]) != 2 {
		t.Errorf("%+v", o)
	}
}

func barrierTimesOut(t *testing.T, b *bed) {
	b.create(1)
	b.publish(pipeline.Message{Topic: consumers.Clicks, Value: []byte("v")})
	progress, err := b.barrier().WaitAtMost(t.Context(), []string{consumers.Clicks}, 200*time.Millisecond)
	if err != nil || !progress.TimedOut || len(progress.Numbers[consumers.Clicks]) != 1 {
		t.Errorf("%+v, %v", progress, err)
	}
}

func barrierStable(t *testing.T, b *bed) {
	b.create(1)
	p := b.producer("open")
	b.begin(p)
	b.write(p, consumers.Clicks, "a")
	if o := <-waitFor(b.barrier(), consumers.Clicks); o.err != nil {
		t.Error(o.err)
	}
	b.end(p, kgo.TryAbort)
}

func lagTold(t *testing.T, b *bed) {
	b.create(2)
	p := b.producer("")
	b.write(p, consumers.Clicks, "a", "b", "c")
	s := b.join(consumers.Clicks).source(consumers.Clicks, 0)
	b.commit(s, 2, "two")
	lags, err := b.cluster.Lags(t.Context())
	if err != nil || len(lags) != 10 {
		t.Fatal(lags, err)
	}
	if got, want := lags[0], (consumers.Lag{Topic: consumers.Clicks, End: 3, Committed: 2, Metadata: "two"}); got != want || got.Behind() != 1 {
		t.Errorf("%+v, want %+v", got, want)
	}
	if got, want := lags[1], (consumers.Lag{Topic: consumers.Clicks, Partition: 1, Committed: -1}); got != want || got.Behind() != 0 {
		t.Errorf("%+v, want %+v", got, want)
	}
}
