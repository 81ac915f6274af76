package loop

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"go.uber.org/goleak"
	"pgregory.net/rapid"

	"github.com/grapevinehq/grapevine/pipeline"
	"github.com/grapevinehq/grapevine/pipeline/event"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func newLoop(w *worker, stage pipeline.Stage, batch int) *Loop {
	return &Loop{
		Stage: stage, State: w, Barrier: w, Books: w, Publisher: w,
		Metrics:  NewMetrics(prometheus.NewRegistry()),
		Log:      slog.New(slog.NewTextHandler(io.Discard, nil)),
		Limits:   Limits{MaxEvents: batch, MaxBytes: 1 << 20, MaxWait: time.Millisecond},
		Revision: func() string { return "r1" },
		Grace:    func() time.Duration { return 0 },
		Now:      func() time.Time { return time.Now().Add(w.skew) },
		InFlight: make(chan struct{}, 2),
	}
}

// work runs one worker until it crashes or everything is acknowledged.
func work(ctx context.Context, w *worker, stage pipeline.Stage, batch int) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	l := newLoop(w, stage, batch)
	r := &idleWatch{worker: w, timers: stage.(wordStage).timers, done: cancel}
	return l.runOnce(ctx, r, l.Log)
}

// idleWatch ends the worker when the whole log is acknowledged.
type idleWatch struct {
	*worker
	timers bool // what is due must be done, too
	done   func()
}

func (i *idleWatch) Fetch(ctx context.Context, from int64, maxBytes int, wait time.Duration) (pipeline.Chunk, error) {
	if end := int64(len(i.log)); from >= end && i.acknowledged(end) && (!i.timers || i.told()) {
		i.done()
	}
	return i.worker.Fetch(ctx, from, maxBytes, wait)
}

// Whatever dies when, and whichever commit arrives late: the books, the memory
// and the set of messages come out as in a run without faults.
func TestLoop_gives_the_same_books_through_any_crash(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) { crashes(t, func(*world) error { return nil }) })
}

// Redis is lost with any crash, and made anew of the changelog.
func TestLoop_gives_the_same_books_though_redis_is_rebuilt_after_any_crash(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		crashes(t, func(w *world) error {
			if rapid.Bool().Draw(t, "redis is lost") {
				return w.rebuild()
			}
			return nil
		})
	})
}

// Each worker has a clock of its own, days ahead of that of the one before, or behind
// it: what was decided by a clock is in the record, and the time of a batch does not
// go back.
func TestLoop_gives_the_same_books_whatever_the_clocks_say(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var last int64
		crashes(t, func(w *world) error {
			w.skew = time.Duration(rapid.Int64Range(-100, 100).Draw(t, "clock, in hours")) * time.Hour
			now := w.journal.Bounds
			if w.journal.Exists && now.Time < last {
				return fmt.Errorf("batch %d is of %d, and one before of %d", now.Number, now.Time, last)
			}
			last = now.Time
			return nil
		})
	})
}

// crashes works a log with crashes, and something done after each, and compares with
// a run without.
func crashes(t *rapid.T, then func(*world) error) {
	words := rapid.SliceOfN(rapid.SampledFrom([]string{"a", "b", "c", "d", "e", "f", "g", ""}), 1, 12).Draw(t, "words")
	stage := wordStage{claims: rapid.Bool().Draw(t, "claims"), timers: rapid.Bool().Draw(t, "timers")}
	want := newWorld(words)
	want.budget = 1 << 30
	if err := work(t.Context(), &worker{world: want, generation: 1}, stage, 3); !errors.Is(err, context.Canceled) && err != nil {
		t.Fatal(err)
	}

	got := newWorld(words)
	for generation := int32(1); ; generation++ {
		if generation > 200 {
			t.Fatal("no end")
		}
		if len(got.late) > 0 && rapid.Bool().Draw(t, "late commit arrives") {
			got.late[len(got.late)-1]()
		}
		got.late = nil
		got.budget = rapid.IntRange(1, 25).Draw(t, "calls")
		got.after = rapid.Bool().Draw(t, "after")
		w := &worker{world: got, generation: generation, delay: rapid.Bool().Draw(t, "delay")}
		err := work(t.Context(), w, stage, rapid.IntRange(1, 4).Draw(t, "batch"))
		if err == nil || errors.Is(err, context.Canceled) {
			break
		}
		if !errors.Is(err, errCrash) {
			t.Fatal(err)
		}
		if err := then(got); err != nil {
			t.Fatal(err)
		}
	}
	for _, table := range []string{"words", "told"} {
		if a, b := rows(want, table), rows(got, table); !slices.Equal(a, b) {
			t.Fatalf("%s\n got %v\nwant %v", table, b, a)
		}
	}
	for _, key := range []string{"seen", "told"} {
		if string(want.memory[key]) != string(got.memory[key]) {
			t.Fatalf("memory of what was %s %q, want %q", key, got.memory[key], want.memory[key])
		}
	}
	if a, b := set(want.published), set(got.published); !slices.Equal(a, b) {
		t.Fatalf("published %v, want %v", b, a)
	}
	words = slices.DeleteFunc(set(got.published), func(word string) bool { return word == "" || strings.HasPrefix(word, "told ") })
	if given := slices.Sorted(maps.Keys(got.given)); !slices.Equal(given, words) {
		t.Fatalf("given back %v, want %v", given, words)
	}
}

func rows(w *world, table string) (out []string) {
	for token, rows := range w.books {
		if strings.HasPrefix(token, table+"/") {
			out = append(out, rows...)
		}
	}
	slices.Sort(out)
	return out
}

// set are the words that messages carry, each once: where batches end decides
// which of those that are told by the clock come in one message.
func set(messages []string) (out []string) {
	for _, m := range messages {
		told := strings.HasPrefix(m, "told ")
		for word := range strings.SplitSeq(strings.TrimSuffix(strings.TrimPrefix(m, "told "), ","), ",") {
			if told {
				word = "told " + word
			}
			out = append(out, word)
		}
	}
	slices.Sort(out)
	return slices.Compact(out)
}

// Whatever timestamps its records have, a batch is as old as the time since it was
// read: the deduplication window of the books and the waits of stages go by that.
func TestLoop_places_batches_by_the_clock(t *testing.T) {
	w := newWorld([]string{"a", "b"}) // of 1970
	w.budget = 1 << 30
	began := time.Now().UnixMilli()
	if err := work(t.Context(), &worker{world: w, generation: 1}, wordStage{}, 1); !errors.Is(err, context.Canceled) && err != nil {
		t.Fatal(err)
	}
	if m, ok := ParseMetadata(w.metadata); !ok || m.Number != 2 || m.Time < began || m.Time > time.Now().UnixMilli() {
		t.Errorf("the commit says %s", w.metadata)
	}
}

func TestLoop_notices_that_redis_lost_data(t *testing.T) {
	tests := []struct {
		name  string
		spoil func(*world)
		want  error
	}{
		{"the journal is gone", func(w *world) { w.journal = pipeline.Journal{} }, pipeline.ErrStateLost},
		{"the journal is older by two batches", func(w *world) { w.journal.Bounds.Number -= 2 }, pipeline.ErrStateLost},
		{"a bound batch is in the books and not in the journal", func(w *world) {
			m, _ := ParseMetadata(w.metadata)
			b := pipeline.Bounds{Number: m.Number, First: w.offset - 2, End: w.offset, Time: m.Time, Revision: "r1"}
			w.offset, w.metadata = b.First, boundMetadata(b)
			w.journal.Bounds.Number--
		}, pipeline.ErrStateLost},
		{"the commit was moved back by hand", func(w *world) { w.offset -= 1 }, pipeline.ErrOffsetsLost},
		{"another program committed", func(w *world) { w.metadata = "hello" }, pipeline.ErrOffsetsLost},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			w := newWorld([]string{"a", "b", "c", "d", "e", "f", "g", "h"})
			w.budget = 1 << 30
			stage := wordStage{}
			if err := work(t.Context(), &worker{world: w, generation: 1}, stage, 2); err != nil && !errors.Is(err, context.Canceled) {
				t.Fatal(err)
			}
			tt.spoil(w)
			books := fmt.Sprint(rows(w, "words"))
			err := work(t.Context(), &worker{world: w, generation: 2}, stage, 2)
			if !errors.Is(err, tt.want) {
				t.Fatalf("got %v, want %v", err, tt.want)
			}
			if after := fmt.Sprint(rows(w, "words")); after != books {
				t.Fatalf("the books changed from %s to %s", books, after)
			}
		})
	}
}

func TestLoop_older_generation_writes_nothing(t *testing.T) {
	w := newWorld([]string{"a", "b"})
	w.budget = 1 << 30
	w.fence = 7
	err := work(t.Context(), &worker{world: w, generation: 6}, wordStage{}, 2)
	if !errors.Is(err, pipeline.ErrFenced) {
		t.Fatalf("got %v, want ErrFenced", err)
	}
	if len(w.books) > 0 || len(w.published) > 0 {
		t.Fatal("a fenced worker wrote")
	}
}

// What a record takes of a batch are its headers too.
func TestLoop_bounds_a_batch_by_its_headers(t *testing.T) {
	w := newWorld([]string{"a", "b", "c", "d"})
	w.budget = 1 << 30
	for i := range w.log {
		w.log[i].Headers = []event.Header{{Key: "trace", Value: make([]byte, 600<<10)}}
	}
	if err := work(t.Context(), &worker{world: w, generation: 1}, wordStage{}, 10); err != nil && !errors.Is(err, context.Canceled) {
		t.Fatal(err)
	}
	if w.journal.Bounds.Number != 4 {
		t.Fatalf("2.4 MB of headers are %d batches of at most 1 MiB, want 4", w.journal.Bounds.Number)
	}
}

// Many partitions are taken over at once, each with a batch that was left.
func TestLoop_finishes_no_more_batches_at_once_than_may_be_in_flight(t *testing.T) {
	w := newWorld([]string{"a", "b"})
	w.budget = 1 << 30
	w.offset, w.metadata = 0, boundMetadata(pipeline.Bounds{Number: 1, End: 2, Revision: "r1"})
	l := newLoop(&worker{world: w, generation: 1}, wordStage{}, 2)
	l.InFlight = make(chan struct{}, 1)
	l.InFlight <- struct{}{} // another partition's batch
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	if err := l.runOnce(ctx, &worker{world: w, generation: 1}, l.Log); !errors.Is(err, context.DeadlineExceeded) || len(w.books) > 0 {
		t.Fatalf("got %v, and %d blocks", err, len(w.books))
	}
	<-l.InFlight
	if err := work(t.Context(), &worker{world: w, generation: 1}, wordStage{}, 2); len(w.books) != 3 { // of words, of what became of each, and the changelog
		t.Fatalf("got %v, and %d blocks", err, len(w.books))
	}
}

// other is a memory in which another attempt at the batch stands.
type other struct {
	*worker
	stands pipeline.Journal
}

func (o *other) TakeOver(ctx context.Context, p pipeline.Partition, generation int32, confirm func(context.Context) error) (pipeline.Memory, pipeline.Journal, error) {
	_, j, err := o.worker.TakeOver(ctx, p, generation, confirm)
	return o, j, err
}

func (o *other) Begin(context.Context, pipeline.Bounds, []byte) (pipeline.Journal, error) {
	return o.stands, nil
}

func (o *other) Fill(context.Context, pipeline.Bounds, []byte, []byte, pipeline.Writes) (pipeline.Journal, error) {
	return o.stands, nil
}

func TestLoop_carries_no_record_out_that_is_about_other_offsets(t *testing.T) {
	for _, claims := range []bool{true, false} {
		w := newWorld([]string{"a", "b", "c"})
		w.budget = 1 << 30
		o := &other{worker: &worker{world: w, generation: 1}}
		o.stands = pipeline.Journal{Exists: true, Filled: !claims, Bounds: pipeline.Bounds{Partition: o.Partition(), Number: 1, End: 2, Revision: "r1"}, Facts: []byte("f"), Record: []byte("uu")}
		l := newLoop(o.worker, wordStage{claims: claims}, 3)
		l.State = o
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		if err := l.runOnce(ctx, o, l.Log); err == nil || errors.Is(err, pipeline.ErrFenced) || ctx.Err() != nil {
			t.Errorf("claims %v: got %v", claims, err)
		}
		cancel()
		if len(w.books) > 0 || len(w.published) > 0 || len(w.shared) > 0 {
			t.Errorf("claims %v: books %v, published %v, claimed %v", claims, w.books, w.published, w.shared)
		}
	}
}

// unvisited is a state whose slot groups know nothing of the partition.
type unvisited struct{ *worker }

func (unvisited) CheckShared(context.Context, pipeline.Partition, uint64) error {
	return pipeline.ErrStateLost
}

// A batch may begin, as it draws on a budget, and claim nothing: then no slot group
// was ever visited, and none is missed.
func TestTakeOver_asks_slot_groups_of_stages_that_visit_them_alone(t *testing.T) {
	for claims, want := range map[bool]error{true: pipeline.ErrStateLost, false: nil} {
		w := &worker{world: newWorld([]string{"a"}), generation: 2}
		w.journal = pipeline.Journal{Exists: true, Filled: true, Bounds: pipeline.Bounds{Partition: w.Partition(), Number: 2, End: 1, Revision: "r1"}, Facts: []byte("f")}
		w.offset, w.metadata = 1, acknowledged(2, 1, 0)
		l := newLoop(w, wordStage{claims: claims}, 1)
		l.State = unvisited{w}
		r := &run{Loop: l, source: w, log: l.Log}
		if _, err := r.takeOver(t.Context()); !errors.Is(err, want) {
			t.Errorf("claims %v: %v", claims, err)
		}
	}
}

// away is a group that cannot tell its commits.
type away struct{ *worker }

func (away) Committed(context.Context) (int64, string, error) {
	return 0, "", errors.New("the coordinator is loading")
}

func TestLoop_looks_at_its_commit_again_when_the_group_cannot_tell(t *testing.T) {
	w := &worker{world: newWorld(nil), generation: 1}
	l := newLoop(w, wordStage{}, 1)
	r := &run{Loop: l, source: away{w}, log: l.Log, committed: 7}
	if err := r.checkRewind(t.Context()); err != nil || r.committed != 7 {
		t.Fatalf("%v, committed %d", err, r.committed)
	}
}

func TestMetrics_tell_the_lag_of_partitions_that_are_worked_here(t *testing.T) {
	registry := prometheus.NewRegistry()
	m := NewMetrics(registry)
	want := func(want string) {
		t.Helper()
		families, err := registry.Gather()
		if err != nil {
			t.Fatal(err)
		}
		got := ""
		for _, f := range families {
			for _, one := range f.GetMetric() {
				if f.GetName() == "grapevine_lag_events" {
					got += fmt.Sprint(one.GetLabel()[0].GetValue(), " ", one.GetGauge().GetValue())
				}
			}
		}
		if got != want {
			t.Errorf("lag %q, want %q", got, want)
		}
	}
	done := m.works(pipeline.Partition{Topic: "t", Incarnation: "i", ID: 3})
	m.Behind("t", 3, 70)
	m.Behind("t", 4, 80) // another worker's
	want("3 70")
	done()
	m.Behind("t", 3, 90)
	want("")
}
