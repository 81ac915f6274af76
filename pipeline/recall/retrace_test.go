package recall

import (
	"maps"
	"testing"

	"pgregory.net/rapid"
)

// A memory whose buckets were lost is made anew of what was written: it remembers
// the same, over segments that were closed and dropped.
func TestRetrace_makes_the_buckets_that_were_lost(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		redis := store{}
		options := Options{Retention: ms(1000), Buckets: 4}
		m, err := Open(t.Context(), redis, options)
		if err != nil {
			t.Fatal(err)
		}
		type batch struct {
			at      int64
			entries []Entry
		}
		var batches []batch
		now := int64(1)
		for range rapid.IntRange(1, 40).Draw(t, "batches") {
			now += int64(rapid.IntRange(1, 200).Draw(t, "later"))
			b := batch{at: now}
			for range rapid.IntRange(0, 60).Draw(t, "entries") {
				b.entries = append(b.entries, entry(rapid.IntRange(0, 2000).Draw(t, "key"), rapid.IntRange(0, 3).Draw(t, "event"), rapid.Bool().Draw(t, "counted"), now))
			}
			batches = append(batches, b)
			redis.apply(m.Write(b.entries, both(now)))
		}
		anew := store{DirectoryKey: redis[DirectoryKey]}
		r, err := Retrace(redis[DirectoryKey])
		if err != nil {
			t.Fatal(err)
		}
		from, _ := r.From()
		for _, b := range batches {
			if b.at < from {
				continue
			}
			pieces, err := r.Append(b.at, b.entries)
			if err != nil {
				t.Fatal(err)
			}
			for _, p := range pieces {
				anew[p.Key] = append(anew[p.Key], p.Value...)
			}
		}
		for _, s := range m.segments { // pages are not made anew
			for i := range s.pages {
				delete(redis, s.pageName(i))
			}
		}
		if !maps.EqualFunc(redis, anew, func(a, b []byte) bool { return string(a) == string(b) }) {
			t.Fatalf("got %d values, want %d", len(anew), len(redis))
		}
		for key := range anew {
			found := key == DirectoryKey
			for _, k := range r.Keys() {
				found = found || k == key
			}
			if !found {
				t.Fatalf("key %s is not named", key)
			}
		}
	})
}
