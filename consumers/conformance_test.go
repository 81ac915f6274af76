package consumers_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/grapevinehq/grapevine/consumers"
	"github.com/grapevinehq/grapevine/internal/enginetest"
	"github.com/grapevinehq/grapevine/pipeline"
	"github.com/grapevinehq/grapevine/pipeline/event"
)

func TestMain(m *testing.M) { enginetest.Main(m) }

// conformance is what every Kafka must do for the pipeline, by name.
var conformance = map[string]func(*testing.T, *bed){}

func TestConformance_in_process(t *testing.T) {
	for name, test := range conformance {
		t.Run(name, func(t *testing.T) {
			k := enginetest.Kafka(t)
			test(t, newBed(t, k.Addr))
		})
	}
}

func TestConformance_Apache_Kafka(t *testing.T) {
	k := enginetest.ApacheKafka(t)
	for name, test := range conformance {
		t.Run(name, func(t *testing.T) { test(t, newBed(t, k.Addr)) })
	}
}

// bed is a test's own corner of a broker.
type bed struct {
	t       testing.TB
	addr    string
	options consumers.Options
	cluster *consumers.Cluster
}

func newBed(t testing.TB, addr string) *bed {
	t.Helper()
	running := goleak.IgnoreCurrent()
	t.Cleanup(func() { goleak.VerifyNone(t, running) })
	own := fmt.Sprintf("t%08x-", rand.Uint32())
	b := &bed{t: t, addr: addr, options: consumers.Options{
		Brokers: []string{addr},
		Group:   own + "group",
		Names:   consumers.Names{Prefix: own},
		Log:     slog.New(slog.NewTextHandler(testWriter{t}, &slog.HandlerOptions{Level: slog.LevelDebug})),
	}}
	b.cluster = b.open()
	return b
}

// open connects once more, as another worker would.
func (b *bed) open() *consumers.Cluster {
	b.t.Helper()
	cluster, err := consumers.Open(b.options)
	if err != nil {
		b.t.Fatal(err)
	}
	b.t.Cleanup(cluster.Close)
	return cluster
}

func (b *bed) create(partitions int) {
	b.t.Helper()
	if _, err := b.cluster.CreateTopics(b.t.Context(), consumers.TopicSettings{Partitions: partitions, Replication: 1}); err != nil {
		b.t.Fatal(err)
	}
}

func (b *bed) publish(messages ...pipeline.Message) {
	b.t.Helper()
	ctx, cancel := context.WithTimeout(b.t.Context(), 30*time.Second)
	defer cancel()
	if err := consumers.NewPublisher(b.cluster).Publish(ctx, messages); err != nil {
		b.t.Fatal(err)
	}
}

// worker is a member of the group whose partitions the test works by hand.
type worker struct {
	bed    *bed
	stop   context.CancelFunc
	ended  chan struct{}
	err    error
	mu     sync.Mutex
	held   map[string]assigned // by topic/partition, contract's name
	change chan struct{}
}

type assigned struct {
	ctx    context.Context
	source pipeline.Source
}

// join starts a worker over the given inputs.
func (b *bed) join(inputs ...string) *worker {
	b.t.Helper()
	cluster := b.open()
	group, err := consumers.NewGroup(cluster, inputs...)
	if err != nil {
		b.t.Fatal(err)
	}
	ctx, stop := context.WithCancel(context.Background())
	w := &worker{bed: b, stop: stop, ended: make(chan struct{}), held: make(map[string]assigned), change: make(chan struct{})}
	go func() {
		defer close(w.ended)
		w.err = group.Run(ctx, func(hard context.Context, source pipeline.Source) error {
			return w.hold(hard, source)
		})
	}()
	b.t.Cleanup(w.leave)
	return w
}

// leave stops the worker and waits for it.
func (w *worker) leave() {
	w.stop()
	select {
	case <-w.ended:
	case <-time.After(20 * time.Second):
		w.bed.t.Error("a worker did not stop")
	}
}

func (w *worker) hold(hard context.Context, source pipeline.Source) error {
	key := w.key(source)
	w.set(func() { w.held[key] = assigned{hard, source} })
	select {
	case <-source.Ending():
	case <-hard.Done():
	}
	w.set(func() { delete(w.held, key) })
	return nil
}

func (w *worker) key(source pipeline.Source) string {
	return strings.TrimPrefix(source.Partition().String(), w.bed.options.Names.Prefix)
}

func (w *worker) set(change func()) {
	w.mu.Lock()
	defer w.mu.Unlock()
	change()
	close(w.change)
	w.change = make(chan struct{})
}

// await waits until what the worker holds is as asked.
func (w *worker) await(what string, as func(held map[string]assigned) bool) {
	w.bed.t.Helper()
	timeout := time.After(40 * time.Second)
	for {
		w.mu.Lock()
		ok, changed := as(w.held), w.change
		n := len(w.held)
		w.mu.Unlock()
		if ok {
			return
		}
		select {
		case <-changed:
		case <-w.ended:
			w.bed.t.Fatalf("awaiting %s: the worker ended: %v", what, w.err)
		case <-timeout:
			w.bed.t.Fatalf("awaiting %s: the worker holds %d partitions", what, n)
		}
	}
}

func (w *worker) awaitCount(n int) {
	w.bed.t.Helper()
	w.await(fmt.Sprintf("%d partitions", n), func(held map[string]assigned) bool { return len(held) == n })
}

// awaitCountAfter waits until a worker holds n partitions, all of a generation
// after another: while that one ends it holds fewer and fewer of its own.
func (w *worker) awaitCountAfter(generation int32, n int) {
	w.bed.t.Helper()
	w.await(fmt.Sprintf("%d partitions of a generation after %d", n, generation), func(held map[string]assigned) bool {
		for _, a := range held {
			if a.source.Generation() <= generation {
				return false
			}
		}
		return len(held) == n
	})
}

// source waits for the assignment of one partition.
func (w *worker) source(topic string, partition int) assigned {
	w.bed.t.Helper()
	var found assigned
	key := fmt.Sprintf("%s/%d", topic, partition)
	w.await(key, func(held map[string]assigned) bool {
		var ok bool
		found, ok = held[key]
		return ok
	})
	return found
}

// read fetches until the offset is reached, and returns all records.
func (b *bed) read(s assigned, from, until int64) (records []event.Record) {
	b.t.Helper()
	ctx, cancel := context.WithTimeout(s.ctx, 20*time.Second)
	defer cancel()
	for from < until {
		chunk, err := s.source.Fetch(ctx, from, 1<<20, 200*time.Millisecond)
		if err != nil {
			b.t.Fatal(err)
		}
		records = append(records, chunk.Records...)
		if chunk.Next < from {
			b.t.Fatalf("went back from %d to %d", from, chunk.Next)
		}
		from = chunk.Next
	}
	return records
}

func wantError(t *testing.T, err, want error) {
	t.Helper()
	if !errors.Is(err, want) {
		t.Fatalf("error %v, want %v", err, want)
	}
}

type testWriter struct{ t testing.TB }

func (w testWriter) Write(p []byte) (int, error) {
	w.t.Log(strings.TrimSuffix(string(p), "\n"))
	return len(p), nil
}
