package recall

import (
	"context"
	"testing"

	"github.com/grapevinehq/grapevine/pipeline"
)

// counting counts the bytes of buckets that are read.
type counting struct {
	store
	tails int
}

func (c *counting) Tails(ctx context.Context, asks []pipeline.TailAsk) ([][]byte, error) {
	tails, err := c.store.Tails(ctx, asks)
	for _, tail := range tails {
		c.tails += len(tail)
	}
	return tails, err
}

// Who takes a partition over reads a small part of the buckets, whenever that is.
func TestOpen_reads_pages_instead_of_buckets(t *testing.T) {
	ctx := t.Context()
	redis := &counting{store: store{}}
	options := Options{Retention: ms(1 << 40), Buckets: 256}
	m, err := Open(ctx, redis, options)
	if err != nil {
		t.Fatal(err)
	}
	const batches, n = 40, 10_000
	for b := range batches {
		entries := make([]Entry, n)
		for i := range entries {
			entries[i] = entry(b*n+i, 0, true, 1)
		}
		redis.apply(m.Write(entries, both(1)))
		redis.tails = 0
		again, err := Open(ctx, redis, options)
		if err != nil {
			t.Fatal(err)
		}
		all := (b + 1) * n
		if again.Len() != all {
			t.Fatalf("after %d batches %d entries, want %d", b+1, again.Len(), all)
		}
		if b > batches/2 && redis.tails > all*entrySize/2 {
			t.Errorf("after %d batches %d of %d bytes were read", b+1, redis.tails, all*entrySize)
		}
		found, err := again.LookUp(ctx, []Key{entries[0].Key, entry(b*n/2, 0, true, 1).Key})
		if err != nil || !found.Seen(entries[0].Key, entries[0].Event) {
			t.Fatalf("after %d batches an entry of the last one is not found (%v)", b+1, err)
		}
	}
	if len(m.segments) < 2 {
		t.Fatal("no segment was closed")
	}
}

func TestPage_that_is_damaged_is_refused_and_of_another_version_read_from_buckets(t *testing.T) {
	ctx := t.Context()
	redis := store{}
	options := Options{Retention: ms(1 << 40), Buckets: 1}
	m, err := Open(ctx, redis, options)
	if err != nil {
		t.Fatal(err)
	}
	var key Key
	for b := range 6 {
		var entries []Entry
		for i := range 40 {
			entries = append(entries, entry(b*40+i, 0, true, 1))
		}
		key = entries[0].Key
		redis.apply(m.Write(entries, both(1)))
	}
	page := m.segments[0].pageName(0)
	saved := redis[page]
	if len(saved) == 0 {
		t.Fatal("no page was saved")
	}
	redis[page] = saved[:len(saved)-1]
	if _, err := Open(ctx, redis, options); err == nil {
		t.Error("a page that came short was taken")
	}
	redis[page] = append([]byte{pageVersion + 1}, saved[1:]...)
	m, err = Open(ctx, redis, options)
	if err != nil || m.Len() != 240 {
		t.Fatalf("%d entries of 240 (%v)", m.Len(), err)
	}
	if found, err := m.LookUp(ctx, []Key{key}); err != nil || len(found.keys) == 0 {
		t.Errorf("not found: %v", err)
	}
}

// A page never covers more than Redis holds: of a replay nothing is appended.
func TestPage_does_not_cover_what_a_replay_did_not_append(t *testing.T) {
	ctx := t.Context()
	redis := store{}
	open := func() *Memory {
		m, err := Open(ctx, redis, Options{Retention: ms(1 << 40), Buckets: 1})
		if err != nil {
			t.Fatal(err)
		}
		return m
	}
	batch := func(from, n int) (entries []Entry) {
		for i := range n {
			entries = append(entries, entry(from+i, 0, true, 1))
		}
		return entries
	}
	redis.apply(open().Write(batch(0, 100), both(1)))
	redis.apply(open().Write(batch(100, 60), both(1)))
	m := open()
	m.Write(batch(100, 60), both(1)) // the replay
	redis.apply(m.Write(batch(160, 1), both(2)))
	redis.apply(open().Write(batch(200, 20), both(3)))
	m = open()
	for _, e := range batch(200, 20) {
		if found, err := m.LookUp(ctx, []Key{e.Key}); err != nil || !found.Seen(e.Key, e.Event) {
			t.Fatalf("not found (%v)", err)
		}
	}
}
