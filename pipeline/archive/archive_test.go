package archive

import (
	"context"
	"fmt"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/grapevinehq/grapevine/pipeline"
	"github.com/grapevinehq/grapevine/pipeline/volatile"
)

var home = pipeline.Partition{Topic: "t", Incarnation: "i", ID: 2}

// table is the table archive.
type table struct {
	values map[string][]byte
	asked  int
}

func (t *table) Archived(_ context.Context, queries []Query) ([][]byte, error) {
	t.asked++
	out := make([][]byte, len(queries))
	for i, q := range queries {
		out[i] = t.values[q.Key]
	}
	return out, nil
}

func (t *table) insert(blocks []pipeline.Block) {
	for _, b := range blocks {
		keys, values := b.Columns[3].Data.([]string), b.Columns[4].Data.([]string)
		for i, key := range keys {
			t.values[key] = []byte(values[i])
		}
	}
}

// world is one partition, worked batch by batch.
type world struct {
	t       testing.TB
	memory  pipeline.Memory
	table   table
	archive *Archive
	number  uint64
	now     int64
}

const retention = 100

func newWorld(t testing.TB) *world {
	w := &world{t: t, table: table{values: map[string][]byte{}}}
	memory, _, err := volatile.New().TakeOver(t.Context(), home, 1, func(context.Context) error { return nil })
	if err != nil {
		t.Fatal(err)
	}
	w.memory = memory
	w.open()
	return w
}

func (w *world) open() {
	archive, err := Open(w.t.Context(), &pipeline.Session{Partition: home, Memory: w.memory}, &w.table, Options{
		Moves: func(key string) bool { return key != "stays" }, Forgets: func(key string) bool { return key == "goes" }, Hot: func() time.Duration { return retention * time.Millisecond },
	})
	if err != nil {
		w.t.Fatal(err)
	}
	w.archive = archive
}

// batch sets values at a time, and moves what is old.
func (w *world) batch(at int64, sets map[string]string, most int) Moves {
	w.number++
	w.now = at
	b := pipeline.Bounds{Partition: home, Number: w.number, First: int64(w.number), End: int64(w.number) + 1, Time: at}
	moves, err := w.archive.Plan(w.t.Context(), b, most)
	if err != nil {
		w.t.Fatal(err)
	}
	var list []pipeline.KeyValue
	for key, value := range sets {
		list = append(list, pipeline.KeyValue{Key: key, Value: []byte(value)})
	}
	var writes pipeline.Writes
	if err := w.archive.Write(&writes, b, list, &moves); err != nil {
		w.t.Fatal(err)
	}
	if _, err := w.memory.Fill(w.t.Context(), b, nil, []byte("r"), writes); err != nil {
		w.t.Fatal(err)
	}
	w.table.insert(moves.Block(b))
	return moves
}

// get reads a value as a stage does: hot, or else cold.
func (w *world) get(key string) (value string, hot bool) {
	values, err := w.archive.Get(w.t.Context(), []string{key})
	if err == nil && values[0] != nil {
		return string(values[0]), true
	}
	if err == nil {
		values, err = w.archive.Cold(w.t.Context(), []string{key})
	}
	if err != nil {
		w.t.Fatal(err)
	}
	return string(values[0]), false
}

func TestArchive_moves_what_was_not_written_for_a_retention(t *testing.T) {
	w := newWorld(t)
	w.batch(0, map[string]string{"a": "1", "b": "1"}, 100)
	w.batch(60, map[string]string{"b": "2"}, 100)
	if value, hot := w.get("none"); value != "" || hot || w.table.asked > 0 {
		t.Errorf("nothing was archived yet, and the books were asked %d times", w.table.asked)
	}
	if w.archive.Due(retention - 1) {
		t.Error("due before the retention is over")
	}
	if !w.archive.Due(retention) {
		t.Error("not due when the retention is over")
	}
	w.batch(retention, nil, 100)
	if value, hot := w.get("a"); value != "1" || hot {
		t.Errorf("a is %q, hot %v; want 1, cold", value, hot)
	}
	if value, hot := w.get("b"); value != "2" || !hot {
		t.Errorf("b is %q, hot %v; want 2, hot: it was written again", value, hot)
	}
	w.batch(60+retention, map[string]string{"b": "3"}, 100)
	if value, hot := w.get("b"); value != "3" || !hot {
		t.Errorf("b is %q, hot %v; want 3, hot: the batch that would move it wrote it", value, hot)
	}
	w.batch(60+2*retention, nil, 100)
	if value, hot := w.get("b"); value != "3" || hot {
		t.Errorf("b is %q, hot %v; want 3, cold", value, hot)
	}
	if w.archive.Due(1 << 40) {
		t.Error("due, and nothing is hot")
	}
}

func TestArchive_leaves_other_values_where_they_are(t *testing.T) {
	w := newWorld(t)
	w.batch(0, map[string]string{"stays": "1", "a": "1"}, 100)
	w.batch(10*retention, nil, 100)
	if value, hot := w.get("stays"); value != "1" || !hot {
		t.Errorf("stays is %q, hot %v", value, hot)
	}
	if raw, err := w.memory.Get(t.Context(), []string{"stays"}); err != nil || string(raw[0]) != "1" {
		t.Errorf("it lies there as %q (%v), want it without a mark", raw[0], err)
	}
}

func TestArchive_forgets_what_has_no_use_when_it_is_old(t *testing.T) {
	w := newWorld(t)
	w.batch(0, map[string]string{"goes": "1", "a": "1"}, 100)
	w.batch(retention-1, nil, 100)
	if value, hot := w.get("goes"); value != "1" || !hot {
		t.Errorf("it is %q, hot %v, before its time", value, hot)
	}
	moves := w.batch(retention, nil, 100)
	if len(moves.Gone) != 1 || string(moves.Gone[0].Data) != "1" {
		t.Errorf("%+v are gone", moves.Gone)
	}
	if value, hot := w.get("goes"); value != "" || hot {
		t.Errorf("it is %q, hot %v; want nothing", value, hot)
	}
	if value, hot := w.get("a"); value != "1" || hot {
		t.Errorf("a is %q, hot %v; want 1, cold", value, hot)
	}
}

func TestArchive_moves_a_bounded_part_at_once(t *testing.T) {
	w := newWorld(t)
	for i := range 5 {
		w.batch(int64(i), map[string]string{fmt.Sprint("a", i): "x", fmt.Sprint("b", i): "x"}, 100)
	}
	if moves := w.batch(1000, nil, 3); len(moves.Values) != 4 { // two lists: the second was begun below the bound
		t.Errorf("moved %d values, want 4", len(moves.Values))
	}
	if !w.archive.Due(1000) {
		t.Error("not due, and three lists are left")
	}
}

// Whatever is written when, and whoever takes over: what was written last is
// found, and what is old is not hot.
func TestArchive_finds_what_was_written_last(t *testing.T) {
	rapid.Check(t, func(r *rapid.T) {
		w := newWorld(t)
		want := map[string]string{}
		written := map[string]int64{}
		now := int64(0)
		for i := range rapid.IntRange(1, 40).Draw(r, "batches") {
			now += rapid.Int64Range(0, 60).Draw(r, "later")
			if rapid.IntRange(0, 5).Draw(r, "takeover") == 0 {
				w.open()
			}
			sets := map[string]string{}
			for _, key := range rapid.SliceOfN(rapid.SampledFrom([]string{"a", "b", "c", "d", "e"}), 0, 3).Draw(r, "keys") {
				sets[key] = fmt.Sprint(i)
				want[key], written[key] = sets[key], now
			}
			w.batch(now, sets, rapid.IntRange(1, 4).Draw(r, "most"))
			for key, value := range want {
				if got, _ := w.get(key); got != value {
					r.Fatalf("%s is %q, want %q", key, got, value)
				}
			}
		}
		for range 100 {
			if !w.archive.Due(now) {
				break
			}
			w.batch(now, nil, 100)
		}
		for key, at := range written {
			if _, hot := w.get(key); hot != (at+retention > now) {
				r.Fatalf("%s, written at %d, is hot: %v at %d", key, at, hot, now)
			}
		}
	})
}

func TestList_keeps_keys_of_any_bytes(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		at, keys := rapid.Int64().Draw(t, "at"), rapid.SliceOf(rapid.String()).Draw(t, "keys")
		gotAt, got, err := decodeList(encodeList(at, keys))
		if err != nil || gotAt != at || fmt.Sprintf("%q", got) != fmt.Sprintf("%q", keys) {
			t.Fatalf("%d %q (%v), want %d %q", gotAt, got, err, at, keys)
		}
	})
}

func FuzzList(f *testing.F) {
	f.Add(encodeList(5, []string{"a", ""}))
	f.Fuzz(func(_ *testing.T, b []byte) { _, _, _ = decodeList(b) }) // must not panic
}
