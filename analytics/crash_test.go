package analytics

import (
	"context"
	"os"
	"testing"
	"time"

	"github.com/grapevinehq/grapevine/internal/engine"
	"github.com/grapevinehq/grapevine/internal/enginetest"
	"github.com/grapevinehq/grapevine/pipeline"
)

// A ClickHouse that is killed in the midst of inserts holds each batch whole or
// not at all, its projections with it; the replay completes the books.
func TestWrite_survives_a_killed_server(t *testing.T) {
	dir := t.TempDir()
	server := startedIn(t, dir)
	b := openedAt(t, Options{Addr: []string{server.Addr}, Database: "referral"})
	const batches, rows = 30, 500
	blocks := make([]pipeline.Block, batches)
	bounds := make([]pipeline.Bounds, batches)
	for i := range blocks {
		first := int64(i * rows)
		blocks[i], bounds[i] = clickBlock(t, b, first, rows), batch(uint64(i+1), first, first+rows)
	}
	third := make(chan struct{})
	ended := make(chan struct{})
	ctx, cancel := context.WithCancel(t.Context())
	go func() {
		defer close(ended)
		for i := range blocks {
			if i == batches/3 {
				close(third)
			}
			if b.Write(ctx, bounds[i], held, blocks[i:i+1]) != nil {
				return
			}
		}
	}()
	<-third
	kill(t, server.PID())
	cancel()
	<-ended
	<-server.Ended()

	server = startedIn(t, dir)
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
		defer cancel()
		if err := server.Stop(ctx); err != nil {
			t.Error(err)
		}
	})
	again := openedAt(t, Options{Addr: []string{server.Addr}, Database: "referral"})
	if torn := ask(t, again, "SELECT batch, count() FROM clicks GROUP BY batch HAVING count() != ?", rows); len(torn) > 0 {
		t.Errorf("torn batches: %v", torn)
	}
	for i := range blocks {
		write(t, again, bounds[i], blocks[i])
	}
	if got, want := sums(t, again), "15000 15000, by_hour 15000, by_referrer 15000, by_visitor 11250"; got != want {
		t.Errorf("after the replay: %s, want %s", got, want)
	}
}

func startedIn(t *testing.T, dir string) *engine.ClickHouse {
	t.Helper()
	enginetest.ClickHouse(t) // the first start may have to fetch it
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	server, err := engine.StartClickHouse(ctx, engine.ClickHouseOptions{Dir: dir})
	if err != nil {
		t.Fatal(err)
	}
	return server
}

func kill(t *testing.T, pid int) {
	t.Helper()
	p, err := os.FindProcess(pid)
	if err == nil {
		err = p.Kill()
	}
	if err != nil {
		t.Fatal(err)
	}
}
