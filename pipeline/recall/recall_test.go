package recall

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/grapevinehq/grapevine/pipeline"
	"github.com/grapevinehq/grapevine/pipeline/event"
	"github.com/grapevinehq/grapevine/pipeline/volatile"
	"pgregory.net/rapid"
)

// store is the partition's memory as Redis keeps it.
type store map[string][]byte

func (s store) Get(_ context.Context, keys []string) ([][]byte, error) {
	out := make([][]byte, len(keys))
	for i, k := range keys {
		out[i] = s[k]
	}
	return out, nil
}

func (s store) Tails(_ context.Context, asks []pipeline.TailAsk) ([][]byte, error) {
	return volatile.Tails(s, asks), nil
}

func (s store) apply(w pipeline.Writes) {
	for _, kv := range w.Set {
		s[kv.Key] = kv.Value
	}
	for _, kv := range w.Append {
		s[kv.Key] = append(s[kv.Key], kv.Value...)
	}
	for _, k := range w.Delete {
		delete(s, k)
	}
}

// ms is a retention of so many milliseconds.
func ms(n int64) func() time.Duration {
	return func() time.Duration { return time.Duration(n) * time.Millisecond }
}

var hasher = NewHasher([16]byte{1, 2, 3})

func entry(key, event int, counted bool, ms int64) Entry {
	k, _ := hasher.Key(nil, "org", fmt.Sprint(key))
	e, _ := hasher.Event(nil, k, "source", fmt.Sprint(event))
	return Entry{Key: k, Event: e, Counted: counted, Time: ms}
}

// The memory answers as two plain maps would, over batches, restarts of the
// worker and segments that fill up.
func TestMemory_answers_like_plain_maps(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		ctx := t.Context()
		redis := store{}
		options := Options{Retention: ms(1 << 40), Buckets: rapid.SampledFrom([]int{1, 4, 128}).Draw(t, "buckets")}
		m, err := Open(ctx, redis, options)
		if err != nil {
			t.Fatal(err)
		}
		seen := map[[2]int]bool{}
		counted := map[int]int64{}
		for batch := range rapid.IntRange(1, 6).Draw(t, "batches") {
			if rapid.Bool().Draw(t, "restart") {
				if m, err = Open(ctx, redis, options); err != nil {
					t.Fatal(err)
				}
			}
			n := rapid.IntRange(0, 400).Draw(t, "events")
			var entries []Entry
			var keys []Key
			ids := make([][2]int, n)
			for i := range n {
				ids[i] = [2]int{rapid.IntRange(0, 300).Draw(t, "key"), rapid.IntRange(0, 5).Draw(t, "event")}
				keys = append(keys, entry(ids[i][0], 0, false, 0).Key)
			}
			found, err := m.LookUp(ctx, keys)
			if err != nil {
				t.Fatal(err)
			}
			for i, id := range ids {
				e := entry(id[0], id[1], i%3 > 0, int64(batch*1000+i)-700)
				if got := found.Seen(e.Key, e.Event); got != seen[id] {
					t.Fatalf("batch %d: event %v seen %v, want %v", batch, id, got, seen[id])
				}
				at, ok := found.LastCounted(e.Key)
				if want, wantOK := counted[id[0]]; at != want || ok != wantOK {
					t.Fatalf("batch %d: key %d last counted at %d %v, want %d %v", batch, id[0], at, ok, want, wantOK)
				}
				if seen[id] {
					continue
				}
				found.Remember(e)
				entries = append(entries, e)
				seen[id] = true
				if e.Counted {
					counted[id[0]] = e.Time
				}
			}
			redis.apply(m.Write(entries, both(int64(batch))))
			if rapid.Bool().Draw(t, "replayed by another worker") {
				if m, err = Open(ctx, redis, options); err != nil {
					t.Fatal(err)
				}
				m.Write(entries, both(int64(batch))) // nobody carries it out
			}
		}
	})
}

func TestMemory_forgets_after_retention_and_not_before(t *testing.T) {
	ctx := t.Context()
	redis := store{}
	m, err := Open(ctx, redis, Options{Retention: ms(1000), Buckets: 4})
	if err != nil {
		t.Fatal(err)
	}
	first := entry(1, 1, true, 5)
	redis.apply(m.Write([]Entry{first}, both(0)))
	for now := int64(100); now <= 1000; now += 100 {
		redis.apply(m.Write([]Entry{entry(2, int(now), false, 0)}, both(now)))
		found, err := m.LookUp(ctx, []Key{first.Key})
		if err != nil {
			t.Fatal(err)
		}
		if !found.Seen(first.Key, first.Event) {
			t.Fatalf("forgotten after %d ms of 1000", now)
		}
	}
	for now := int64(1100); now <= 4000; now += 100 {
		redis.apply(m.Write([]Entry{entry(2, int(now), false, 0)}, both(now)))
	}
	found, err := m.LookUp(ctx, []Key{first.Key})
	if err != nil {
		t.Fatal(err)
	}
	if found.Seen(first.Key, first.Event) {
		t.Fatal("still remembered after four times the retention")
	}
	if len(m.segments) > 7 {
		t.Fatalf("%d segments are kept", len(m.segments))
	}
	if again, err := Open(ctx, redis, m.options); err != nil || again.Len() != m.Len() {
		t.Fatalf("reopened: %v entries, %v, want %d", again.Len(), err, m.Len())
	}
}

// both is a place in time where Kafka's timestamps are those of the clock.
func both(ms int64) Times { return Times{Batch: ms, Kafka: ms} }

// What was taken a moment ago is remembered, however old the log is that it was
// read from; and what lies shortly before in the log is, however long an outage was.
func TestMemory_forgets_by_both_clocks(t *testing.T) {
	ctx := t.Context()
	for name, c := range map[string]struct {
		batch, kafka int64 // from write to write
		forgotten    bool
	}{
		"an old log that is read at once":   {1, 1000, false},
		"an outage":                         {1000, 1, false},
		"records from the future":           {1, 1 << 40, false},
		"records without a timestamp":       {1000, -1, true},
		"a log of before, read as it comes": {1000, 1000, true},
	} {
		redis := store{}
		m, err := Open(ctx, redis, Options{Retention: ms(2000), Buckets: 4})
		if err != nil {
			t.Fatal(err)
		}
		at := Times{Batch: 1 << 41, Kafka: 1 << 40}
		if c.kafka < 0 {
			at.Kafka = -1
		}
		first := entry(1, 1, true, 5)
		redis.apply(m.Write([]Entry{first}, at))
		for i := range 10 {
			at.Batch += c.batch
			if c.kafka > 0 {
				at.Kafka += c.kafka
			}
			redis.apply(m.Write([]Entry{entry(2, i, false, 0)}, at))
			if m, err = Open(ctx, redis, m.options); err != nil {
				t.Fatal(err)
			}
		}
		found, err := m.LookUp(ctx, []Key{first.Key})
		if err != nil {
			t.Fatal(err)
		}
		if found.Seen(first.Key, first.Event) == c.forgotten {
			t.Errorf("%s: forgotten %v, want %v", name, !c.forgotten, c.forgotten)
		}
	}
}

// A batch has the newest timestamp of its records, and the clock's without any.
func TestTimesOf(t *testing.T) {
	records := []event.Record{{Time: 3}, {Time: 7}, {Time: 5}}
	if got, want := TimesOf(pipeline.Bounds{Time: 9}, records), (Times{Batch: 9, Kafka: 7}); got != want {
		t.Errorf("got %v, want %v", got, want)
	}
	if got, want := TimesOf(pipeline.Bounds{Time: 9}, nil), (Times{Batch: 9, Kafka: 9}); got != want {
		t.Errorf("got %v, want %v", got, want)
	}
}

// The writes of a replay are carried out by nobody: the journal has the batch
// already, and with it the memory. What comes after is remembered all the same.
func TestMemory_remembers_what_follows_a_replay(t *testing.T) {
	ctx := t.Context()
	redis := store{}
	open := func() *Memory {
		m, err := Open(ctx, redis, Options{Retention: ms(1 << 40), Buckets: 1})
		if err != nil {
			t.Fatal(err)
		}
		return m
	}
	batch := func(from, to int) (entries []Entry) {
		for i := from; i < to; i++ {
			entries = append(entries, entry(i, 0, true, 1))
		}
		return entries
	}
	const n = fullBucket / 2 // a second time, they would not fit the segment
	redis.apply(open().Write(batch(0, n+1), both(1)))
	m := open()
	m.Write(batch(0, n+1), both(1)) // the replay
	redis.apply(m.Write(batch(n+1, n+11), both(2)))
	m = open()
	for _, e := range batch(0, n+11) {
		found, err := m.LookUp(ctx, []Key{e.Key})
		if err != nil {
			t.Fatal(err)
		}
		if !found.Seen(e.Key, e.Event) {
			t.Fatalf("%d entries are found, want %d", m.Len(), n+11)
		}
	}
}

// A longer dedupe window is taken up without a restart, and so must its memory be.
func TestMemory_remembers_longer_when_the_retention_grows(t *testing.T) {
	ctx := t.Context()
	redis := store{}
	retention := time.Second
	m, err := Open(ctx, redis, Options{Retention: func() time.Duration { return retention }, Buckets: 4})
	if err != nil {
		t.Fatal(err)
	}
	first := entry(1, 1, true, 5)
	redis.apply(m.Write([]Entry{first}, Times{}))
	retention = time.Hour
	for now := int64(1000); now <= 10_000; now += 1000 {
		redis.apply(m.Write([]Entry{entry(2, int(now), false, 0)}, Times{now, now}))
	}
	if found, err := m.LookUp(ctx, []Key{first.Key}); err != nil || !found.Seen(first.Key, first.Event) {
		t.Errorf("forgotten after ten seconds of an hour, %v", err)
	}
}

func TestFilter_misses_nothing_and_rarely_errs(t *testing.T) {
	const n = 200_000
	f := newFilter(n, 1)
	for i := range uint64(n) {
		f.add(0, fingerprint(i*2654435761, 3, 8))
	}
	wrong := 0
	for i := range uint64(n) {
		if !f.has(0, fingerprint(i*2654435761, 3, 8)) {
			t.Fatalf("key %d was added and is not there", i)
		}
		if f.has(0, fingerprint(i*2654435761, 4, 8)) {
			wrong++
		}
	}
	if wrong > n/50 {
		t.Fatalf("%d of %d keys that are not there may be there", wrong, n)
	}
	t.Logf("%d false positives of %d", wrong, n)
}

func BenchmarkMemory_batch_of_new_clicks(b *testing.B) {
	ctx := b.Context()
	redis := store{}
	m, err := Open(ctx, redis, Options{Retention: ms(1 << 40), Buckets: 1024})
	if err != nil {
		b.Fatal(err)
	}
	const n = 10_000
	next := 0
	for b.Loop() {
		keys := make([]Key, n)
		entries := make([]Entry, n)
		for i := range n {
			next++
			entries[i] = entry(next, 0, true, 1)
			keys[i] = entries[i].Key
		}
		if _, err := m.LookUp(ctx, keys); err != nil {
			b.Fatal(err)
		}
		redis.apply(m.Write(entries, both(1)))
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(n*b.N), "ns/click")
}
