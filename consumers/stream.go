package consumers

import (
	"bufio"
	"encoding/binary"
	"errors"
	"fmt"
	"io"

	"github.com/grapevinehq/grapevine/pipeline/event"
)

// maxRecord bounds how much of one record of a batch that is read piece by piece is
// kept. No event is that large: it is refused, whatever the rest of it is.
const maxRecord = 4 * event.MaxValueBytes

// stream is a batch that unpacks to more than may be held at once: it is read piece
// by piece, over as many fetches as it takes, each record once. A batch of 1 MiB can
// become thousands of times as much.
type stream struct {
	base int64 // of the batch
	next int64 // the offset to go on from
	left int   // records not read yet
	in   *bufio.Reader
	end  io.Closer
}

// streams tells whether the batch is one that is being read piece by piece.
func (d *decoder) streams(b recordBatch) bool {
	return d.stream != nil && *d.stream != nil && (*d.stream).base == b.base() && (*d.stream).next == max(d.from, d.next)
}

// takePieces takes what fits of a batch, and leaves the rest for the next fetch.
func (d *decoder) takePieces(b recordBatch) error {
	if !d.streams(b) {
		d.dropStream()
		end, err := b.unpack()
		if err != nil {
			return err
		}
		*d.stream = &stream{base: b.base(), next: max(d.from, d.next), left: b.count(), in: bufio.NewReaderSize(end, 64<<10), end: end}
	}
	s := *d.stream
	for s.left > 0 {
		if len(d.records) > 0 && (d.unpacked >= max(d.most, maxRecord) || len(d.records) >= maxTaken) {
			d.full, d.next = true, s.next
			return nil
		}
		record, size, err := s.record(b, d)
		if err != nil {
			d.dropStream()
			return fmt.Errorf("%w at offset %d: %w", errCorrupt, b.base(), err)
		}
		s.left--
		if record.Offset < s.next {
			continue
		}
		d.unpacked += size
		d.records, s.next = append(d.records, record), record.Offset+1
	}
	d.dropStream()
	return nil
}

func (d *decoder) dropStream() {
	if s := *d.stream; s != nil {
		s.end.Close() //nolint:errcheck // reading from memory
		*d.stream = nil
	}
}

// record reads the next record into bytes of its own. Of one that is too large for
// any event the beginning is kept, key and value, the value as long as it goes: no
// stage takes it for anything but too large.
func (s *stream) record(b recordBatch, d *decoder) (r event.Record, size int, err error) {
	length, err := binary.ReadVarint(s.in)
	if err != nil || length < 1 {
		return r, 0, fmt.Errorf("a record has no length: %w", errors.Join(err, io.ErrUnexpectedEOF))
	}
	kept := make([]byte, min(length, maxRecord))
	if _, err := io.ReadFull(s.in, kept); err != nil {
		return r, 0, fmt.Errorf("a record ends beyond the batch: %w", err)
	}
	c := cursor{rest: kept}
	if length <= maxRecord {
		r, d.headers = c.body(b, d)
		if c.bad {
			err = errors.New("a record ends beyond itself")
		}
		return r, len(kept), err
	}
	if _, err := io.CopyN(io.Discard, s.in, length-maxRecord); err != nil {
		return r, 0, fmt.Errorf("a record ends beyond the batch: %w", err)
	}
	return c.beginning(b), len(kept), nil
}

// beginning reads a record whose end was cut off.
func (c *cursor) beginning(b recordBatch) (r event.Record) {
	c.bytesOf(1)
	r.Time = b.int64(atMaxTimestamp)
	if delta := c.varint(); !b.is(logAppendTime) {
		r.Time = b.int64(atFirstTimestamp) + delta
	}
	r.Offset = b.base() + c.varint()
	n := c.varint()
	if n > int64(len(c.rest)) {
		n = int64(len(c.rest))
	}
	if n >= 0 {
		r.Key = c.bytesOf(int(n))
	}
	if len(c.rest) > 0 {
		c.varint()
	}
	r.Value = append([]byte{}, c.rest...) // not nil: that would be a tombstone
	return r
}

// plausibleSnappy tells whether no block announces more than its bytes can become:
// room is made for what is announced before it is read. A copy of 64 bytes takes two.
func plausibleSnappy(packed []byte) bool {
	const header, most = 16, 64
	if len(packed) < header || string(packed[:8]) != "\x82SNAPPY\x00" {
		n, size := binary.Uvarint(packed)
		return len(packed) == 0 || size > 0 && n <= uint64(most*len(packed))
	}
	for rest := packed[header:]; len(rest) >= 4; {
		block := int64(binary.BigEndian.Uint32(rest))
		if rest = rest[4:]; block > int64(len(rest)) {
			return true // cut off: the decoder says so
		}
		if n, size := binary.Uvarint(rest[:block]); size <= 0 || n > uint64(most*block) {
			return block == 0
		}
		rest = rest[block:]
	}
	return true
}
