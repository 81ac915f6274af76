package recall

import (
	"fmt"

	"github.com/grapevinehq/grapevine/pipeline"
)

// Retraces tells of a key of the memory whether its value follows from the entries
// that were written, and the directory: all but the directory do.
func Retraces(key string) bool { return key != DirectoryKey }

// Retracing makes the buckets of a memory anew, of its directory and the entries of
// then. It saves no pages: who takes the partition over reads the buckets.
type Retracing struct{ segments []*segment }

// Retrace reads the directory, as the memory holds it.
func Retrace(directory []byte) (*Retracing, error) {
	segments, err := decodeDirectory(directory)
	if err != nil {
		return nil, err
	}
	return &Retracing{segments}, nil
}

// From is the time of the first batch whose entries are remembered; false when none
// are.
func (r *Retracing) From() (ms int64, ok bool) {
	if len(r.segments) == 0 {
		return 0, false
	}
	return r.segments[0].from.Batch, true
}

// Keys are the keys of all buckets, and of what else is saved beside them.
func (r *Retracing) Keys() (keys []string) {
	for _, s := range r.segments {
		for b := range s.buckets {
			keys = append(keys, s.name(b))
		}
		for i := range s.pages {
			keys = append(keys, s.pageName(i))
		}
	}
	return keys
}

// Together tells whether entries of two times belong to one segment.
func (r *Retracing) Together(a, b int64) bool { return r.segment(a) == r.segment(b) }

// segment is the one that was open at a time; nil before the first.
func (r *Retracing) segment(at int64) *segment {
	for i := len(r.segments) - 1; i >= 0; i-- {
		if r.segments[i].from.Batch <= at {
			return r.segments[i]
		}
	}
	return nil
}

// Append packs entries of one segment, in their order: what is appended to its
// buckets. Entries come in the order in which they were remembered, at times that do
// not fall.
func (r *Retracing) Append(at int64, entries []Entry) ([]pipeline.KeyValue, error) {
	s := r.segment(at)
	if s == nil {
		return nil, fmt.Errorf("entries of %d are older than all that is remembered", at)
	}
	pieces, _ := s.append(entries)
	return pieces, nil
}
