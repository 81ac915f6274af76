package main

import (
	"context"
	"fmt"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/redis/go-redis/v9"

	"github.com/grapevinehq/grapevine/analytics"
	"github.com/grapevinehq/grapevine/config"
	"github.com/grapevinehq/grapevine/consumers"
	"github.com/grapevinehq/grapevine/pipeline"
	"github.com/grapevinehq/grapevine/pipeline/click"
	"github.com/grapevinehq/grapevine/pipeline/event"
	"github.com/grapevinehq/grapevine/pipeline/loop"
	"github.com/grapevinehq/grapevine/pipeline/program"
	"github.com/grapevinehq/grapevine/pipeline/recall"
	"github.com/grapevinehq/grapevine/pipeline/stage/clicks"
	"github.com/grapevinehq/grapevine/pipeline/state"
)

// fetchAlone reads the topic and does nothing.
func fetchAlone(ctx context.Context, g *ground) (figure, error) {
	return g.read(ctx, func([]event.Record) {})
}

// decodeAlone reads and decodes.
func decodeAlone(ctx context.Context, g *ground) (figure, error) {
	return g.read(ctx, func(records []event.Record) {
		batch := make([]event.Click, len(records))
		for i := range records {
			event.DecodeClick(&records[i], &batch[i], event.DefaultLimits)
		}
	})
}

// read fetches every partition of the clicks to its end.
func (g *ground) read(ctx context.Context, each func([]event.Record)) (figure, error) {
	var events atomic.Int64
	return g.floor(ctx, &events, func(ctx context.Context, source pipeline.Source) error {
		at, err := source.Start(ctx)
		for err == nil {
			var chunk pipeline.Chunk
			if chunk, err = source.Fetch(ctx, at, 4<<20, time.Second); err != nil {
				break
			}
			each(chunk.Records)
			events.Add(int64(len(chunk.Records)))
			if at = chunk.Next; at >= chunk.Stable {
				return nil
			}
		}
		return err
	})
}

// claimsAlone is the loop without the books: what deduplication costs.
func claimsAlone(ctx context.Context, g *ground) (figure, error) {
	client := redis.NewClient(&redis.Options{Addr: g.redis.Addr})
	defer client.Close()
	if _, err := g.fresh(ctx); err != nil {
		return figure{}, err
	}
	store, err := openStore(ctx, client, g)
	if err != nil {
		return figure{}, err
	}
	return g.looped(ctx, store, noBooks{})
}

// inProcess is the whole loop within this process, for the profiler.
func inProcess(ctx context.Context, g *ground) (figure, error) {
	client := redis.NewClient(&redis.Options{Addr: g.redis.Addr})
	defer client.Close()
	if _, err := g.fresh(ctx); err != nil {
		return figure{}, err
	}
	store, err := openStore(ctx, client, g)
	if err != nil {
		return figure{}, err
	}
	books, err := g.openBooks(ctx)
	if err != nil {
		return figure{}, err
	}
	defer books.Close()
	return g.looped(ctx, store, books)
}

const installation = "7f9c24e8-3b12-4b6f-9d53-1f6a2c0e8d11"

func openStore(ctx context.Context, client *redis.Client, g *ground) (*state.Store, error) {
	store, err := state.Open(ctx, client, state.Options{Log: g.log})
	if err != nil {
		return nil, err
	}
	_, err = store.Initialise(ctx, installation)
	return store, err
}

// insertAlone writes blocks that were made before.
func insertAlone(ctx context.Context, g *ground) (figure, error) {
	kept := &keepBooks{}
	made, err := g.looped(ctx, forgetful{}, kept)
	if err != nil {
		return figure{}, err
	}
	books, err := g.openBooks(ctx)
	if err != nil {
		return figure{}, err
	}
	defer books.Close()
	stop := stopwatch()
	var group sync.WaitGroup
	errs := make(chan error, len(kept.byPartition))
	lease := func() time.Time { return time.Now().Add(time.Minute) }
	for _, batches := range kept.byPartition {
		group.Go(func() {
			for _, b := range batches {
				if err := books.Write(ctx, b.bounds, lease, b.blocks); err != nil {
					errs <- err
					return
				}
			}
		})
	}
	group.Wait()
	close(errs)
	f := stop()
	f.events = made.events
	return f, <-errs
}

// decodeAndInsert is the loop without Redis.
func decodeAndInsert(ctx context.Context, g *ground) (figure, error) {
	books, err := g.openBooks(ctx)
	if err != nil {
		return figure{}, err
	}
	defer books.Close()
	return g.looped(ctx, forgetful{}, books)
}

func (g *ground) openBooks(ctx context.Context) (*analytics.Books, error) {
	g.serial++
	books, err := analytics.Open(analytics.Options{Addr: []string{g.clickhouse.Addr}, Database: fmt.Sprintf("bench%d", g.serial), Username: "default", Log: g.log})
	if err != nil {
		return nil, err
	}
	books.BelongTo(installation)
	return books, books.Migrate(ctx)
}

// looped runs the click stage's batch loop over the topic, with other engines.
func (g *ground) looped(ctx context.Context, s loop.State, books pipeline.Books) (figure, error) {
	defaults := config.Defaults()
	batch := defaults.Batch.MaxEvents
	if g.options.batch > 0 {
		batch = g.options.batch
	}
	metrics := loop.NewMetrics(prometheus.NewRegistry())
	inFlight := make(chan struct{}, defaults.Batch.InFlight)
	var events atomic.Int64
	return g.floor(ctx, &events, func(ctx context.Context, source pipeline.Source) error {
		stopping := make(chan struct{})
		l := &loop.Loop{
			Stage: &clicks.Stage{
				Catalogs: oneCatalog{g.catalog}, Directory: nobody{}, Limits: event.DefaultLimits,
				Recall: recall.NewHasher([16]byte{1}), Secrets: [][click.SecretBytes]byte{{1}},
				Retention: func() time.Duration { return 73 * time.Hour },
			},
			State: s, Barrier: noBarrier{}, Books: books, Publisher: noPublisher{}, Metrics: metrics, Log: g.log,
			Limits:   loop.Limits{MaxEvents: batch, MaxBytes: defaults.Batch.MaxBytes, MaxWait: defaults.Batch.MaxWait},
			Revision: func() string { return g.catalog.Revision },
			Grace:    func() time.Duration { return 0 },
			Now:      time.Now, InFlight: inFlight,
		}
		return l.Run(ctx, &untilEnd{Source: source, events: &events, ending: stopping, stop: sync.OnceFunc(func() { close(stopping) })})
	})
}

// untilEnd stops the loop when the partition is acknowledged to its end.
type untilEnd struct {
	pipeline.Source
	events *atomic.Int64
	ending <-chan struct{}
	stop   func()
	stable atomic.Int64
}

func (u *untilEnd) Ending() <-chan struct{} { return u.ending }

func (u *untilEnd) Fetch(ctx context.Context, from int64, maxBytes int, wait time.Duration) (pipeline.Chunk, error) {
	chunk, err := u.Source.Fetch(ctx, from, maxBytes, wait)
	u.stable.Store(chunk.Stable)
	u.events.Add(int64(len(chunk.Records)))
	return chunk, err
}

func (u *untilEnd) Commit(ctx context.Context, offset int64, metadata string) error {
	err := u.Source.Commit(ctx, offset, metadata)
	if m, ok := loop.ParseMetadata(metadata); err == nil && ok && !m.Bound && offset > 0 && offset == u.stable.Load() {
		u.stop()
	}
	return err
}

// floor runs a handler on every partition of the clicks, and takes the time
// from the first one's start to the last one's end.
func (g *ground) floor(ctx context.Context, events *atomic.Int64, handle consumers.Handler) (figure, error) {
	g.serial++
	cluster, err := g.cluster(fmt.Sprintf("floor%d", g.serial))
	if err != nil {
		return figure{}, err
	}
	defer cluster.Close()
	described, err := cluster.Describe(ctx, consumers.Clicks)
	if err != nil {
		return figure{}, err
	}
	group, err := consumers.NewGroup(cluster, consumers.Clicks)
	if err != nil {
		return figure{}, err
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	var f figure
	var started sync.Once
	var stop func() figure
	var done atomic.Int32
	err = group.Run(ctx, func(ctx context.Context, source pipeline.Source) error {
		started.Do(func() { stop = stopwatch() })
		err := handle(ctx, source)
		if int(done.Add(1)) == described[consumers.Clicks].Partitions {
			f = stop()
			cancel()
		}
		return err
	})
	f.events = int(events.Load())
	return f, err
}

// stopwatch takes time and this process's CPU time.
func stopwatch() func() figure {
	began, cpu := time.Now(), cpuTime()
	return func() figure { return figure{elapsed: time.Since(began), cpu: cpuTime() - cpu} }
}

func cpuTime() time.Duration {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		return 0
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

type oneCatalog struct{ catalog *program.Catalog }

func (c oneCatalog) Revision(context.Context, string) (*program.Catalog, error) {
	return c.catalog, nil
}
