package recall

import (
	"context"
	"fmt"

	"github.com/grapevinehq/grapevine/pipeline"
)

// segment is one generation of the memory: a fixed number of buckets, and a
// filter of the keys in them.
type segment struct {
	id      uint64
	from    Times // of the batch that began it
	buckets int   // a power of two
	entries int
	filter  filter
	pages   []page
	turn    int  // the page that is looked at first, for the next to save
	exact   bool // the pages cover all that Redis holds, but for the last batch
}

func newSegment(id uint64, from Times, buckets int) *segment {
	pages := newPages(buckets)
	return &segment{id: id, from: from, buckets: buckets, pages: pages, exact: true,
		filter: newFilter(fullBucket*buckets/len(pages), len(pages))}
}

func (s *segment) name(bucket int) string { return name(s.id, '.', bucket) }
func (s *segment) pageName(i int) string  { return name(s.id, ':', i) }

// warmChunk is how many buckets are read in one call.
const warmChunk = 512

// warm fills the filter: from the pages that were saved, and of the buckets from
// what was appended since.
func (s *segment) warm(ctx context.Context, reader Reader) error {
	if err := s.readPages(ctx, reader); err != nil {
		return fmt.Errorf("warm the memory of events from segment %d: %w", s.id, err)
	}
	for first := 0; first < s.buckets; first += warmChunk {
		if err := s.readTails(ctx, reader, first, min(first+warmChunk, s.buckets)); err != nil {
			return fmt.Errorf("warm the memory of events from segment %d: %w", s.id, err)
		}
	}
	return nil
}

func (s *segment) readPages(ctx context.Context, reader Reader) error {
	names := make([]string, len(s.pages))
	for i := range names {
		names[i] = s.pageName(i)
	}
	values, err := reader.Get(ctx, names)
	if err != nil {
		return err
	}
	for i, value := range values {
		if err := s.decodePage(i, value); err != nil {
			return err
		}
	}
	return nil
}

// readTails reads what buckets [first, end) hold beyond their pages.
func (s *segment) readTails(ctx context.Context, reader Reader, first, end int) error {
	asks, buckets := make([]pipeline.TailAsk, 0, end-first), make([]int, 0, end-first)
	for b := first; b < end; b++ {
		if p := s.pages[b/s.pageSize()]; !p.settled {
			asks = append(asks, pipeline.TailAsk{Key: s.name(b), From: int(p.covered[b%s.pageSize()]) * entrySize})
			buckets = append(buckets, b)
		}
	}
	values, err := reader.Tails(ctx, asks)
	if err != nil {
		return err
	}
	for i, value := range values {
		if len(value)%entrySize != 0 {
			return fmt.Errorf("bucket %s of remembered events is damaged: %d bytes beyond the first %d", asks[i].Key, len(value), asks[i].From)
		}
		bucket := buckets[i]
		s.cover(bucket, len(value)/entrySize)
		s.entries += len(value) / entrySize
		for ; len(value) > 0; value = value[entrySize:] {
			s.filter.add(bucket/s.pageSize(), fingerprint(uint48(value), bucket, s.buckets))
		}
	}
	return nil
}

// suspects groups the keys that the segment may hold by bucket.
func (s *segment) suspects(keys []Key) (wanted [][]Key, names []string) {
	if s.entries == 0 {
		return nil, nil
	}
	at, size := make(map[int]int), s.pageSize()
	for _, key := range keys {
		b := key.bucket(s.buckets)
		if !s.filter.has(b/size, fingerprint(key.tag(), b, s.buckets)) {
			continue
		}
		i, ok := at[b]
		if !ok {
			i = len(names)
			at[b] = i
			names = append(names, s.name(b))
			wanted = append(wanted, nil)
		}
		if !contains(wanted[i], key) {
			wanted[i] = append(wanted[i], key)
		}
	}
	return wanted, names
}

func contains(keys []Key, key Key) bool {
	for _, k := range keys {
		if k == key {
			return true
		}
	}
	return false
}

// append packs entries by bucket, keeping their order, and tells how many went to each.
func (s *segment) append(entries []Entry) ([]pipeline.KeyValue, []appended) {
	size := s.pageSize()
	order := make([]int32, s.buckets+1) // counting sort: where each bucket's bytes begin
	for _, e := range entries {
		order[e.Key.bucket(s.buckets)+1]++
	}
	filled := 0
	for b := range s.buckets {
		if order[b+1] > 0 {
			filled++
		}
		order[b+1] += order[b]
	}
	packed := make([]byte, len(entries)*entrySize)
	next := make([]int32, s.buckets)
	copy(next, order)
	for _, e := range entries {
		b := e.Key.bucket(s.buckets)
		appendEntry(packed[int(next[b])*entrySize:][:0], e)
		next[b]++
		s.filter.add(b/size, fingerprint(e.Key.tag(), b, s.buckets))
	}
	s.entries += len(entries)
	out, counts := make([]pipeline.KeyValue, 0, filled), make([]appended, 0, filled)
	for b := range s.buckets {
		if from, to := order[b], order[b+1]; from < to {
			out = append(out, pipeline.KeyValue{Key: s.name(b), Value: packed[int(from)*entrySize : int(to)*entrySize]})
			counts = append(counts, appended{int32(b), to - from})
		}
	}
	return out, counts
}
