package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/cenkalti/backoff/v5"
	"github.com/google/uuid"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/segmentio/kafka-go"
	"golang.org/x/sync/errgroup"

	"github.com/grapevinehq/grapevine/analytics"
	"github.com/grapevinehq/grapevine/config"
	"github.com/grapevinehq/grapevine/consumers"
	"github.com/grapevinehq/grapevine/internal/api"
	"github.com/grapevinehq/grapevine/internal/failpoint"
	"github.com/grapevinehq/grapevine/pipeline"
	"github.com/grapevinehq/grapevine/pipeline/click"
	"github.com/grapevinehq/grapevine/pipeline/event"
	"github.com/grapevinehq/grapevine/pipeline/loop"
	"github.com/grapevinehq/grapevine/pipeline/program"
	"github.com/grapevinehq/grapevine/pipeline/recall"
	"github.com/grapevinehq/grapevine/pipeline/stages"
	"github.com/grapevinehq/grapevine/pipeline/state"
)

// recordEncoder is the version of the stages' records in the journal.
const recordEncoder = 1

// worker is one process of the pipeline.
type worker struct {
	settings *config.Settings
	log      *slog.Logger
	registry *prometheus.Registry
	health   *health
	metrics  *workerMetrics
	batches  *loop.Metrics
	api      *api.Handler

	cluster  *consumers.Cluster
	store    *state.Store
	books    *analytics.Books
	catalogs *catalogs
	watcher  *config.Watcher
	presence *presence
}

// runWorker runs the pipeline until ctx ends, or with exitWhenIdle until there
// is nothing left to do.
func runWorker(ctx context.Context, settings *config.Settings, log *slog.Logger, exitWhenIdle bool) error {
	w := &worker{settings: settings, log: log, registry: prometheus.NewRegistry(), health: &health{}, presence: newPresence(settings)}
	w.registry.MustRegister(collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	w.metrics = newWorkerMetrics(w.registry)
	w.batches = loop.NewMetrics(w.registry)
	w.api = w.newAPI()
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	group, ctx := errgroup.WithContext(ctx)
	group.Go(func() error { return w.serveHTTP(ctx) })
	group.Go(func() error {
		defer cancel()
		return w.run(ctx, exitWhenIdle)
	})
	if err := group.Wait(); err != nil && !errors.Is(err, context.Canceled) {
		return err
	}
	return nil
}

// run connects, makes sure that everything the guarantees rest on is so, and
// works the partitions that this member of the group is assigned.
func (w *worker) run(ctx context.Context, exitWhenIdle bool) error {
	starting := w.health.waits("start")
	if err := w.loadPrograms(); err != nil {
		return err
	}
	if err := w.connect(ctx); err != nil {
		return err
	}
	defer w.close()
	incarnations, err := w.prepare(ctx)
	if err != nil {
		return err
	}
	loops, barrier, err := w.loops(ctx, incarnations)
	if err != nil {
		return err
	}
	membership, err := consumers.NewGroup(w.cluster)
	if err != nil {
		return err
	}
	w.openAPI()
	starting()
	w.log.Info("the pipeline runs", "group", w.settings.Kafka.Group, "programs", w.settings.Programs, "revision", w.catalogs.revision(), "http", w.settings.HTTP.Addr)

	// The barrier outlives the stop: batches in flight may still wait for it.
	background, end := context.WithCancel(context.WithoutCancel(ctx))
	defer end()
	tasks, background := errgroup.WithContext(background)
	tasks.Go(func() error { return barrier.Run(background) })
	tasks.Go(func() error { return w.watcher.Run(background) })
	tasks.Go(func() error { return w.presence.run(background, w.store, w.log) })
	tasks.Go(func() error { return w.watchEngines(background) })
	tasks.Go(func() error { return w.watchKeys(background) })
	tasks.Go(func() error {
		defer end()
		stopping, stop := context.WithCancel(ctx)
		defer stop()
		defer context.AfterFunc(background, stop)() // a worker without its barrier would stand still
		if exitWhenIdle {
			tasks.Go(func() error {
				if waitIdle(stopping, w.cluster, rests(membership, loops), w.log) == nil {
					w.log.Info("everything is consumed and written")
					stop()
				}
				return nil
			})
		}
		return membership.Run(stopping, func(ctx context.Context, source pipeline.Source) error {
			contract, _ := w.cluster.Names().Contract(source.Partition().Topic)
			return loops[contract].Run(ctx, failpoint.Source(contract, source))
		})
	})
	if err := tasks.Wait(); err != nil && !errors.Is(err, context.Canceled) {
		return err
	}
	w.log.Info("the pipeline has stopped")
	return nil
}

// rests tells whether every partition of this worker was found to have nothing
// to do since a time.
func rests(membership *consumers.Group, loops map[string]*loop.Loop) func(since time.Time) bool {
	return func(since time.Time) bool {
		n := 0
		for _, l := range loops {
			n += l.Resting(since)
		}
		return n == membership.Assigned()
	}
}

// loadPrograms loads the program configuration.
func (w *worker) loadPrograms() (err error) {
	w.watcher, err = config.NewWatcher(w.settings.Programs, config.WatcherOptions{
		Interval: w.settings.ReloadInterval, Log: w.log, Take: w.reload, Changed: w.programsChanged,
	})
	return err
}

// reload makes a changed configuration decide from the next batch on. An engine
// that is away refuses nothing.
func (w *worker) reload(ctx context.Context, c *program.Catalog) error {
	err := waitFor(ctx, w.log, "Redis and ClickHouse to keep the changed programs", func(ctx context.Context) error { return mended(w.decideBy(ctx, c)) })
	if err == nil {
		w.metrics.reloads.WithLabelValues(reloadTaken).Inc()
	}
	return err
}

// programsChanged tells metrics, and the other workers and status by way of
// Redis, which programs decide and whether the files say something else.
func (w *worker) programsChanged(s config.WatcherState) {
	w.metrics.programs(s)
	w.presence.change(s)
}

// decideBy makes a catalog decide new batches.
func (w *worker) decideBy(ctx context.Context, c *program.Catalog) error {
	if err := w.catalogs.put(ctx, c); err != nil {
		return err
	}
	w.metrics.decides(c.Revision)
	return nil
}

// connect waits until all three engines answer, and says for which it waits.
func (w *worker) connect(ctx context.Context) error {
	var err error
	if w.cluster, err = openKafka(w.settings, w.log); err != nil {
		return err
	}
	client, err := openRedis(w.settings)
	if err != nil {
		return err
	}
	done := w.health.waits("redis")
	if w.store, err = state.Open(ctx, failpoint.Redis(client), state.Options{Log: w.log, Encoder: recordEncoder, OnError: w.metrics.redisError}); err != nil {
		return err
	}
	done()
	done = w.health.waits("clickhouse")
	if w.books, err = openBooks(w.settings, w.log, w.metrics.insertRetried); err != nil {
		return err
	}
	ready := w.books.Ping
	if w.settings.Migrate {
		ready = w.books.Migrate // makes the database, too
	}
	if err := waitFor(ctx, w.log, "ClickHouse", ready); err != nil {
		return err
	}
	done()
	return nil
}

func (w *worker) close() {
	w.cluster.Close()
	if err := w.books.Close(); err != nil {
		w.log.Warn("close ClickHouse", "error", err)
	}
}

// prepare makes topics and schema, and checks what must hold before anything
// is worked.
func (w *worker) prepare(ctx context.Context) (incarnations map[string]string, err error) {
	done := w.health.waits("kafka")
	if err := waitFor(ctx, w.log, "Kafka", w.createTopics); err != nil {
		return nil, err
	}
	done()
	defer w.health.waits("installation")()
	err = waitFor(ctx, w.log, "the installation", func(ctx context.Context) error {
		incarnations, err = w.join(ctx)
		return mended(err)
	})
	return incarnations, err
}

// mended tells what waiting mends from what a person must.
func mended(err error) error {
	for _, permanent := range []error{analytics.ErrSettings, pipeline.ErrStateLost, pipeline.ErrOffsetsLost, state.ErrSettings} {
		if errors.Is(err, permanent) {
			return backoff.Permanent(err)
		}
	}
	return err
}

// join makes sure that the engines are set up as exactness needs it and belong
// to one installation, and makes the programs decide. It can be repeated.
func (w *worker) join(ctx context.Context) (incarnations map[string]string, err error) {
	if err := w.books.Check(ctx); err != nil {
		return nil, err
	}
	installation, err := joinInstallation(ctx, w.store, w.books, w.cluster)
	if err != nil {
		return nil, err
	}
	w.log.Info("joined the installation", "id", installation)
	if incarnations, err = registerTopics(ctx, w.store, w.cluster); err != nil {
		return nil, err
	}
	w.books.BelongTo(installation)
	w.catalogs = newCatalogs(failpoint.Reloads(w.store, w.books))
	return incarnations, w.decideBy(ctx, w.watcher.Current())
}

// createTopics makes those topics that are missing, or else only sees whether
// Kafka answers. What Kafka itself refuses is not tried again.
func (w *worker) createTopics(ctx context.Context) error {
	if !w.settings.CreateTopics {
		_, err := w.cluster.Describe(ctx, w.cluster.Names().Kafka(consumers.Clicks))
		return err
	}
	created, err := w.cluster.CreateTopics(ctx, consumers.TopicSettings{Partitions: w.settings.Kafka.Partitions, Replication: w.settings.Kafka.ReplicationFactor})
	var refusal kafka.Error
	if errors.As(err, &refusal) && !refusal.Temporary() && refusal != kafka.BrokerNotAvailable {
		return backoff.Permanent(err)
	}
	if len(created) > 0 && err == nil {
		w.log.Info("topics were made", "topics", created)
	}
	return err
}

// loops wires a batch loop for each input topic.
func (w *worker) loops(ctx context.Context, incarnations map[string]string) (map[string]*loop.Loop, *consumers.Barrier, error) {
	secrets, generated, err := hashSecrets(ctx, w.store, w.settings)
	if err != nil {
		return nil, nil, err
	}
	if generated {
		w.log.Warn("hash_secret is not set: a generated one is kept in Redis and in ClickHouse; set one of your own, so that neither alone undoes the hashes of ip and user agent")
	}
	if err := waitFor(ctx, w.log, "ClickHouse to keep what is agreed on", func(ctx context.Context) error { return recordAgreed(ctx, w.store, w.books, w.cluster) }); err != nil {
		return nil, nil, err
	}
	installation, err := w.store.Installation(ctx)
	if err != nil {
		return nil, nil, err
	}
	id, err := uuid.Parse(installation)
	if err != nil {
		return nil, nil, fmt.Errorf("installation id %q: %w", installation, err)
	}
	barrier := consumers.NewBarrier(w.cluster, consumers.BarrierOptions{Completed: completed, Waited: w.metrics.barrierWaited})
	publisher := consumers.NewPublisher(w.cluster)
	loops := make(map[string]*loop.Loop)
	for _, stage := range w.stages(recall.NewHasher(id), secrets, incarnations) {
		l := &loop.Loop{
			Stage: stage, State: w.store, Barrier: w.barrierOf(stage.Topic(), barrier), Books: w.books, Publisher: publisher,
			Metrics: w.batches, Log: w.log,
			Limits:   w.limits(stage.Topic()),
			Revision: w.catalogs.revision,
			Grace:    w.grace(stage.Topic()),
			InFlight: make(chan struct{}, w.settings.Batch.InFlight),
			Now:      time.Now,
		}
		failpoint.Arm(l)
		loops[stage.Topic()] = l
	}
	return loops, barrier, nil
}

// heavier is how many clicks one event of another topic weighs, with all that is
// looked up and decided about it.
const heavier = 4

// limits bound the batches of a topic.
func (w *worker) limits(topic string) loop.Limits {
	b := w.settings.Batch
	l := loop.Limits{MaxEvents: b.MaxEvents, MaxBytes: b.MaxBytes, MaxWait: b.MaxWait}
	if topic != consumers.Clicks {
		l.MaxEvents = max(1, b.MaxEvents/heavier)
	}
	return l
}

// completed reads the number of the last completed batch from a commit.
func completed(metadata string) uint64 {
	m, ok := loop.ParseMetadata(metadata)
	if !ok {
		return 0
	}
	return m.Completed()
}

// grace holds conversions back, so that clicks on their way still count.
func (w *worker) grace(topic string) func() time.Duration {
	if topic != consumers.Conversions {
		return func() time.Duration { return 0 }
	}
	return func() time.Duration { return w.catalogs.present().grace }
}

// bounded is a barrier that opens after a while, whatever is still missing.
type bounded struct {
	*consumers.Barrier
	most func() time.Duration
}

// Wait implements pipeline.Barrier.
func (b bounded) Wait(ctx context.Context, topics []string) (pipeline.Progress, error) {
	return b.WaitAtMost(ctx, topics, b.most())
}

// barrierOf bounds the wait of conversions by attribution_max_wait.
func (w *worker) barrierOf(topic string, b *consumers.Barrier) pipeline.Barrier {
	if topic != consumers.Conversions {
		return b
	}
	return bounded{b, func() time.Duration { return w.catalogs.present().maxWait }}
}

// retention is how long clicks and event ids are remembered.
func (w *worker) retention() time.Duration {
	return w.catalogs.present().LongestDedupeWindow + w.settings.DedupeRetention
}

// stages makes the five stages.
func (w *worker) stages(hasher recall.Hasher, secrets [][click.SecretBytes]byte, incarnations map[string]string) []pipeline.Stage {
	return stages.New(stages.Options{
		Catalogs: w.catalogs, Present: w.catalogs.revision, Books: w.books, Members: w.store.SharedReader(incarnations),
		Hasher: hasher, Secrets: secrets, Limits: event.Limits{MaxFutureSkew: w.settings.MaxFutureSkew}, Retention: w.retention,
	})
}
