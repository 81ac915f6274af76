// Package recall remembers which events a partition has taken, and when a
// click of a key was last counted, in packed buckets in Redis (contract §3,
// verdicts 3 and 6).
//
// A partition's worker is the only writer of its memory. So the worker keeps a
// filter of the keys that are there, and asks Redis only for keys that may be:
// a click that nobody has made before costs no look-up at all. What is written
// goes into the partition's journal step, atomically, so that nothing here
// needs to be idempotent by itself.
//
// The package knows bytes and hashes; it does not know clicks, Kafka or Redis
// commands.
package recall

import (
	"context"
	"encoding/binary"
	"fmt"
	"strconv"
	"time"

	"github.com/grapevinehq/grapevine/pipeline"
)

// Reader reads values of the partition's own keys (pipeline.Memory).
type Reader interface {
	Get(ctx context.Context, keys []string) ([][]byte, error)
	Tails(ctx context.Context, asks []pipeline.TailAsk) ([][]byte, error)
}

// Options of a memory.
type Options struct {
	// Retention is how long an event is remembered after it was taken, see [Times].
	// A segment lives up to a quarter longer. It is asked for every batch: the
	// configuration may make it longer while the partition is worked.
	Retention func() time.Duration
	// Buckets of the first segment, a power of two: some hundred times fewer
	// than the entries that are expected.
	Buckets int
}

// fullBucket is the mean number of entries at which a segment is closed before
// its time, and the next one gets four times as many buckets. It bounds what a
// look-up reads to some 5 kB.
const fullBucket = 256

// maxBuckets bounds the number of keys of one segment.
const maxBuckets = 1 << 16

// Memory is what one worker remembers of one partition. It is used by one
// goroutine.
type Memory struct {
	reader   Reader
	options  Options
	segments []*segment // oldest first; the last one is written
	written  written
	replays  bool // a batch that is written now may be a replay
}

// written is what the last batch appended. That Redis holds it is certain when the
// next batch writes.
type written struct {
	segment *segment
	buckets []appended
}

type appended struct{ bucket, entries int32 }

// Open reads the directory of segments and warms the filters.
func Open(ctx context.Context, reader Reader, options Options) (*Memory, error) {
	m := &Memory{reader: reader, options: options, replays: true}
	values, err := reader.Get(ctx, []string{DirectoryKey})
	if err != nil {
		return nil, fmt.Errorf("read the directory of remembered events: %w", err)
	}
	if m.segments, err = decodeDirectory(values[0]); err != nil {
		return nil, err
	}
	for _, s := range m.segments {
		if err := s.warm(ctx, reader); err != nil {
			return nil, err
		}
	}
	return m, nil
}

// Len is the number of entries remembered, for metrics.
func (m *Memory) Len() int {
	n := 0
	for _, s := range m.segments {
		n += s.entries
	}
	return n
}

// Found is what the memory knows of a batch's keys. The zero value knows nothing.
type Found struct {
	keys map[Key]*past
}

type past struct {
	events      map[uint64]struct{}
	lastCounted int64
	counted     bool
}

// LookUp finds what is remembered of keys, in a handful of round trips. Keys
// may repeat.
func (m *Memory) LookUp(ctx context.Context, keys []Key) (Found, error) {
	m.replays = false // for a replay nothing is looked up
	found := Found{}
	for _, s := range m.segments {
		wanted, names := s.suspects(keys)
		if len(names) == 0 {
			continue
		}
		values, err := m.reader.Get(ctx, names)
		if err != nil {
			return Found{}, fmt.Errorf("look up %d buckets of remembered events: %w", len(names), err)
		}
		for i, value := range values {
			if err := found.collect(value, wanted[i]); err != nil {
				return Found{}, fmt.Errorf("bucket %s: %w", names[i], err)
			}
		}
	}
	return found, nil
}

// collect adds the entries of a bucket that belong to wanted keys. Segments
// and entries come in the order they were written, so the last counted one wins.
func (f *Found) collect(bucket []byte, wanted []Key) error {
	if len(bucket)%entrySize != 0 {
		return fmt.Errorf("%d bytes are no whole number of entries", len(bucket))
	}
	for ; len(bucket) > 0; bucket = bucket[entrySize:] {
		tag := uint48(bucket)
		for _, key := range wanted {
			if key.tag() == tag {
				f.add(key, uint56(bucket[6:]), uint48(bucket[13:]))
			}
		}
	}
	return nil
}

func (f *Found) add(key Key, event, stamp uint64) {
	if f.keys == nil {
		f.keys = make(map[Key]*past)
	}
	p := f.keys[key]
	if p == nil {
		p = &past{events: make(map[uint64]struct{})}
		f.keys[key] = p
	}
	p.events[event] = struct{}{}
	if stamp != 0 {
		p.counted, p.lastCounted = true, fromStamp(stamp)
	}
}

// Seen tells whether an event of a key was taken before.
func (f *Found) Seen(key Key, event Event) bool {
	p := f.keys[key]
	if p == nil {
		return false
	}
	_, ok := p.events[event.tag()]
	return ok
}

// LastCounted is the time, in milliseconds, of the click of a key that was
// counted last in the order of the partition.
func (f *Found) LastCounted(key Key) (ms int64, ok bool) {
	if p := f.keys[key]; p != nil {
		return p.lastCounted, p.counted
	}
	return 0, false
}

// Remember takes note of an event within the batch: what follows in the batch
// sees it. Counted clicks carry their time.
func (f *Found) Remember(e Entry) {
	stamp := uint64(0)
	if e.Counted {
		stamp = toStamp(e.Time)
	}
	f.add(e.Key, e.Event.tag(), stamp)
}

// Entry is one event to be remembered.
type Entry struct {
	Key     Key
	Event   Event
	Counted bool
	Time    int64 // ms, of a counted click
}

// Write turns a batch's entries into writes of the partition's memory, for the
// journal step. The filter learns the keys at once: that they may be there is true
// whether or not the step succeeds.
//
// The directory goes with every batch, not only with one that turns a segment:
// whether writes are carried out is not known here. Those of a replay are not, as
// the journal has the batch already, and a segment that it turned would otherwise
// be written to and stand in no directory.
func (m *Memory) Write(entries []Entry, now Times) pipeline.Writes {
	var w pipeline.Writes
	m.written.confirm()
	m.turn(now.bounded(), len(entries), &w)
	w.Set = append(w.Set, pipeline.KeyValue{Key: DirectoryKey, Value: encodeDirectory(m.segments)})
	if len(entries) > 0 {
		s := m.segments[len(m.segments)-1]
		var buckets []appended
		w.Append, buckets = s.append(entries)
		if m.replays {
			s.exact = false
		} else {
			m.written = written{s, buckets}
		}
	}
	m.replays = false
	m.save(len(entries), &w)
	return w
}

// confirm counts what the batch before appended. Of a batch that may be a replay
// it is not known whether its writes were carried out, and it is not counted: the
// pages may cover less than Redis holds then, and a little is read again.
func (w *written) confirm() {
	for _, a := range w.buckets {
		w.segment.cover(int(a.bucket), int(a.entries))
	}
	*w = written{}
}

// turn starts a segment when the last one is full or old, and drops those that
// nobody may ask for any more.
func (m *Memory) turn(now Times, n int, w *pipeline.Writes) {
	last, retention := len(m.segments)-1, m.options.Retention().Milliseconds()
	switch {
	case last < 0:
		m.segments = append(m.segments, newSegment(1, now, m.options.Buckets))
	case m.segments[last].entries+n > fullBucket*m.segments[last].buckets:
		s := m.segments[last]
		m.segments = append(m.segments, newSegment(s.id+1, now, min(4*s.buckets, maxBuckets)))
	case now.since(m.segments[last].from) > retention/4:
		s := m.segments[last]
		m.segments = append(m.segments, newSegment(s.id+1, now, s.buckets))
	}
	for len(m.segments) > 1 && now.since(m.segments[1].from) > retention {
		for b := range m.segments[0].buckets {
			w.Delete = append(w.Delete, m.segments[0].name(b))
		}
		for i := range m.segments[0].pages {
			w.Delete = append(w.Delete, m.segments[0].pageName(i))
		}
		m.segments = m.segments[1:]
	}
}

// DirectoryKey is the key of the directory of segments.
const DirectoryKey = "s"

// name is short: it is stored once a bucket.
func name(segment uint64, kind byte, i int) string {
	buf := make([]byte, 0, 12)
	buf = strconv.AppendUint(buf, segment, 36)
	buf = append(buf, kind)
	return string(strconv.AppendUint(buf, uint64(i), 36))
}

// The directory: a version byte, then id, from (by both clocks) and buckets of each
// segment.
const directoryVersion = 2

func encodeDirectory(segments []*segment) []byte {
	out := []byte{directoryVersion}
	for _, s := range segments {
		out = binary.AppendUvarint(out, s.id)
		out = binary.AppendVarint(out, s.from.Batch)
		out = binary.AppendVarint(out, s.from.Kafka)
		out = binary.AppendUvarint(out, uint64(s.buckets))
	}
	return out
}

func decodeDirectory(b []byte) ([]*segment, error) {
	outlines, err := readDirectory(b)
	if err != nil {
		return nil, err
	}
	segments := make([]*segment, len(outlines))
	for i, o := range outlines {
		segments[i] = newSegment(o.id, o.from, o.buckets)
	}
	return segments, nil
}

// outline is what the directory tells of a segment. It takes no memory for a filter.
type outline struct {
	id      uint64
	from    Times
	buckets int
}

func readDirectory(b []byte) (outlines []outline, err error) {
	if len(b) == 0 {
		return nil, nil
	}
	if b[0] != directoryVersion {
		return nil, fmt.Errorf("the directory of remembered events has version %d, this release reads %d: run the release that wrote it, or a newer one", b[0], directoryVersion)
	}
	for b = b[1:]; len(b) > 0; {
		r := varints{rest: b}
		id, from, buckets := r.unsigned(), Times{r.signed(), r.signed()}, r.unsigned()
		n := len(outlines)
		if r.bad || buckets == 0 || buckets > maxBuckets || buckets&(buckets-1) != 0 || n > 0 && id != outlines[n-1].id+1 {
			return nil, fmt.Errorf("the directory of remembered events is damaged")
		}
		outlines = append(outlines, outline{id, from, int(buckets)})
		b = r.rest
	}
	return outlines, nil
}
