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
}

func newSegment(id uint64, from Times, buckets int) *segment {
	return &segment{id: id, from: from, buckets: buckets, filter: newFilter(fullBucket * buckets)}
}

func (s *segment) name(bucket int) string { return bucketName(s.id, bucket) }

// warmChunk is how many buckets are read in one call.
const warmChunk = 512

// warm fills the filter from what Redis holds.
func (s *segment) warm(ctx context.Context, reader Reader) error {
	names := make([]string, 0, warmChunk)
	for first := 0; first < s.buckets; first += warmChunk {
		names = names[:0]
		for b := first; b < min(first+warmChunk, s.buckets); b++ {
			names = append(names, s.name(b))
		}
		values, err := reader.Get(ctx, names)
		if err != nil {
			return fmt.Errorf("warm the memory of events from segment %d: %w", s.id, err)
		}
		for i, value := range values {
			if len(value)%entrySize != 0 {
				return fmt.Errorf("bucket %s of remembered events is damaged: %d bytes", names[i], len(value))
			}
			for ; len(value) > 0; value = value[entrySize:] {
				s.filter.add(fingerprint(uint48(value), first+i, s.buckets))
				s.entries++
			}
		}
	}
	return nil
}

// suspects groups the keys that the segment may hold by bucket.
func (s *segment) suspects(keys []Key) (wanted [][]Key, names []string) {
	if s.entries == 0 {
		return nil, nil
	}
	at := make(map[int]int)
	for _, key := range keys {
		b := key.bucket(s.buckets)
		if !s.filter.has(fingerprint(key.tag(), b, s.buckets)) {
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

// append packs entries by bucket, keeping their order.
func (s *segment) append(entries []Entry) []pipeline.KeyValue {
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
		s.filter.add(fingerprint(e.Key.tag(), b, s.buckets))
	}
	s.entries += len(entries)
	out := make([]pipeline.KeyValue, 0, filled)
	for b := range s.buckets {
		if from, to := order[b], order[b+1]; from < to {
			out = append(out, pipeline.KeyValue{Key: s.name(b), Value: packed[int(from)*entrySize : int(to)*entrySize]})
		}
	}
	return out
}
