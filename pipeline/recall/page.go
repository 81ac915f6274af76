package recall

import (
	"encoding/binary"
	"fmt"
	"math"

	"github.com/grapevinehq/grapevine/pipeline"
)

// A page is the part of a segment's filter that belongs to some neighbouring
// buckets. It is saved in Redis now and then, with how much of each bucket it
// covers, so that who takes the partition over reads the pages, and of the buckets
// only what was appended since.
type page struct {
	covered []int32 // entries of each bucket that Redis holds for certain
	total   int     // of all buckets together
	since   int     // how many of them came after the page was saved
	settled bool    // saved after its segment was closed
}

// pageBuckets is how many buckets share a page: 25 kB of filter for 300 kB of
// entries.
const pageBuckets = 64

func newPages(buckets int) []page {
	size := min(buckets, pageBuckets)
	covered := make([]int32, buckets)
	pages := make([]page, buckets/size)
	for i := range pages {
		pages[i].covered = covered[i*size : (i+1)*size]
	}
	return pages
}

// save appends the pages that are due to a batch's writes. Each batch saves about
// as many pages as its entries are worth, turn by turn, so that no batch pays for
// all; and one more, for what closed segments have left.
func (m *Memory) save(n int, w *pipeline.Writes) {
	last := m.segments[len(m.segments)-1]
	for budget := 1 + n/last.saveEvery(); budget > 0; budget-- {
		s, i := m.due()
		if s == nil {
			return
		}
		p := &s.pages[i]
		w.Set = append(w.Set, pipeline.KeyValue{Key: s.pageName(i), Value: s.encodePage(i, s != last && s.exact)})
		p.since, p.settled = 0, s != last
		s.turn = (i + 1) % len(s.pages)
	}
}

// due finds the next page to save: of closed segments, which nobody appends to,
// each once more.
func (m *Memory) due() (*segment, int) {
	for at, s := range m.segments {
		open := at == len(m.segments)-1
		for k := range s.pages {
			i := (s.turn + k) % len(s.pages)
			if s.isDue(&s.pages[i], open) {
				return s, i
			}
		}
	}
	return nil, 0
}

// isDue tells whether a page is worth its bytes: not before it is half full, for a
// page takes as many when it is empty.
func (s *segment) isDue(p *page, open bool) bool {
	if !open {
		return !p.settled
	}
	return p.since >= s.saveEvery() && 2*p.total >= s.pageSize()*fullBucket
}

// cover takes note of entries that Redis holds.
func (s *segment) cover(bucket, n int) {
	p := &s.pages[bucket/s.pageSize()]
	p.covered[bucket%s.pageSize()] += int32(n)
	p.total += n
	p.since += n
}

// saveEvery is how many new entries of a page make it worth saving: an eighth of
// what it holds when it is full. On average, half as many are read again.
func (s *segment) saveEvery() int { return max(1, s.pageSize()*fullBucket/8) }

func (s *segment) pageSize() int { return s.buckets / len(s.pages) }

// A saved page: a byte for its version, one that tells whether it covers all that
// its buckets will ever hold, how many entries of each it covers, and the blocks of
// the filter.
const (
	pageVersion = 1
	whole       = 1
)

func (s *segment) encodePage(i int, all bool) []byte {
	p := s.pages[i]
	out := make([]byte, 0, 2+3*len(p.covered)+64*s.filter.pageBlocks)
	out = append(out, pageVersion, 0)
	if all {
		out[1] = whole
	}
	for _, n := range p.covered {
		out = binary.AppendUvarint(out, uint64(n))
	}
	for _, block := range s.filter.page(i) {
		for _, word := range block {
			out = binary.LittleEndian.AppendUint64(out, word)
		}
	}
	return out
}

// decodePage takes a saved page over. One of another version is no error: all of
// its buckets are read instead.
func (s *segment) decodePage(i int, b []byte) error {
	if len(b) < 2 || b[0] != pageVersion {
		return nil
	}
	s.pages[i].settled = b[1] == whole
	r := varints{rest: b[2:]}
	for k := range s.pages[i].covered {
		n := r.unsigned()
		if n > math.MaxInt32/entrySize {
			r.bad = true
			break
		}
		s.pages[i].covered[k] = int32(n)
		s.pages[i].total += int(n)
		s.entries += int(n)
	}
	blocks := s.filter.page(i)
	if r.bad || len(r.rest) != 64*len(blocks) {
		return fmt.Errorf("page %s of remembered events is damaged", s.pageName(i))
	}
	for k := range blocks {
		for word := range blocks[k] {
			blocks[k][word] = binary.LittleEndian.Uint64(r.rest)
			r.rest = r.rest[8:]
		}
	}
	return nil
}
