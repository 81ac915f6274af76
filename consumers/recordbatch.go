package consumers

import (
	"bytes"
	"cmp"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"slices"

	"github.com/segmentio/kafka-go/compress"

	"github.com/grapevinehq/grapevine/pipeline/event"
)

// maxInflated bounds what a compressed batch may become at once, in bytes: a broker
// bounds only the compressed size. One that becomes more is read piece by piece.
const maxInflated = 16 << 20

// maxTaken bounds the records that one fetch brings: small ones take more room
// decoded than packed.
const maxTaken = 1 << 17

// errCorrupt means that bytes read from a partition are no record batch.
var errCorrupt = errors.New("corrupt record batch")

// Layout of a record batch, format version 2 (Apache Kafka 0.11 and newer): the
// offsets of the fields that are read.
const (
	atBaseOffset     = 0
	atLength         = 8  // of all that follows this field
	atMagic          = 16 // format version
	atChecksum       = 17 // CRC-32C of all from the attributes on
	atAttributes     = 21
	atLastDelta      = 23 // kept by compaction, so it tells where the batch ended
	atFirstTimestamp = 27
	atMaxTimestamp   = 35
	atProducer       = 43
	atCount          = 57
	batchHeader      = 61
)

// Attributes of a record batch.
const (
	compression   = 0x07
	logAppendTime = 0x08
	transactional = 0x10
	control       = 0x20
)

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// recordBatch is one batch as it lies in the log.
type recordBatch []byte

func (b recordBatch) int32(at int) int32 { return int32(binary.BigEndian.Uint32(b[at:])) }
func (b recordBatch) int64(at int) int64 { return int64(binary.BigEndian.Uint64(b[at:])) }

func (b recordBatch) base() int64     { return b.int64(atBaseOffset) }
func (b recordBatch) last() int64     { return b.base() + int64(b.int32(atLastDelta)) }
func (b recordBatch) producer() int64 { return b.int64(atProducer) }
func (b recordBatch) count() int      { return int(b.int32(atCount)) }
func (b recordBatch) attributes() int { return int(binary.BigEndian.Uint16(b[atAttributes:])) }
func (b recordBatch) is(flag int) bool {
	return b.attributes()&flag != 0
}

// nextBatch splits the first whole batch off. The last one of an answer may be
// cut off: then there is none.
func nextBatch(log []byte) (batch recordBatch, rest []byte, err error) {
	if len(log) < atMagic+1 {
		return nil, nil, nil
	}
	if magic := log[atMagic]; magic != 2 {
		return nil, nil, fmt.Errorf("%w: message format %d; only version 2 (Apache Kafka 0.11 and newer) is read", errCorrupt, magic)
	}
	size := int64(atLength+4) + int64(recordBatch(log).int32(atLength))
	if size > int64(len(log)) {
		return nil, nil, nil
	}
	if size < batchHeader {
		return nil, nil, fmt.Errorf("%w: %d bytes long", errCorrupt, size)
	}
	return log[:size:size], log[size:], nil
}

// check tells whether the batch arrived as it was written.
func (b recordBatch) check() error {
	if crc32.Checksum(b[atAttributes:], castagnoli) != uint32(b.int32(atChecksum)) {
		return fmt.Errorf("%w at offset %d: the checksum does not match", errCorrupt, b.base())
	}
	if b.int32(atLastDelta) < 0 || b.count() < 0 {
		return fmt.Errorf("%w at offset %d: negative count", errCorrupt, b.base())
	}
	return nil
}

// errSwollen means that a batch becomes more than may be held at once.
var errSwollen = errors.New("the batch unpacks to too much")

// payload is the records' bytes, decompressed where needed; errSwollen for one that
// has to be read piece by piece.
func (b recordBatch) payload() ([]byte, error) {
	packed := b[batchHeader:]
	kind := compress.Compression(b.attributes() & compression)
	if kind == compress.None {
		return packed, nil
	}
	reader, err := b.unpack()
	if err != nil {
		return nil, err
	}
	defer reader.Close() //nolint:errcheck // reading from memory
	inflated := bytes.NewBuffer(make([]byte, 0, 4*len(packed)+512))
	n, err := io.Copy(inflated, io.LimitReader(reader, maxInflated+1))
	if err != nil {
		return nil, fmt.Errorf("%w at offset %d: decompress %s: %w", errCorrupt, b.base(), kind, err)
	}
	if n > maxInflated {
		return nil, errSwollen
	}
	return inflated.Bytes(), nil
}

// unpack decompresses the records' bytes as they are read.
func (b recordBatch) unpack() (io.ReadCloser, error) {
	kind := compress.Compression(b.attributes() & compression)
	codec := kind.Codec()
	if codec == nil {
		return nil, fmt.Errorf("%w at offset %d: unknown compression %d", errCorrupt, b.base(), kind)
	}
	packed := b[batchHeader:]
	if kind == compress.Snappy && !plausibleSnappy(packed) {
		return nil, fmt.Errorf("%w at offset %d: it announces more than snappy can pack", errCorrupt, b.base())
	}
	return codec.NewReader(bytes.NewReader(packed)), nil
}

// decoder turns the answer of a fetch into records.
type decoder struct {
	from    int64 // records before are left out
	most    int   // bytes of records after which no further batch is taken; 0: no bound
	next    int64 // the offset after the last batch seen, from at least
	aborted []abortedTransaction
	void    map[int64]bool // producers within an aborted transaction
	headers []event.Header // what all records have room in
	keys    map[string]string
	records []event.Record
	full    bool     // what the last batch has beyond its bounds is left for the next fetch
	stream  **stream // the batch that is read piece by piece, over several fetches; nil: none is

	packed, unpacked int // the size of the batches taken, as they came and as they became
}

// decode reads the whole batches of an answer. whole tells whether there was any.
// Bytes that were compressed may become many times as many: what is over the
// bound is left for the next fetch.
func (d *decoder) decode(log []byte) (whole bool, err error) {
	slices.SortFunc(d.aborted, func(a, b abortedTransaction) int { return cmp.Compare(a.first, b.first) })
	d.records = make([]event.Record, 0, min(countRecords(log, d.most), maxTaken))
	for !d.full && (d.most == 0 || d.unpacked < d.most) {
		batch, rest, err := nextBatch(log)
		if batch == nil || err != nil {
			return whole, err
		}
		whole, log = true, rest
		if err := d.batch(batch); err != nil {
			return whole, err
		}
	}
	return whole, nil
}

// batch takes one batch, as the Java consumer does for read_committed.
func (d *decoder) batch(b recordBatch) error {
	if err := b.check(); err != nil {
		return err
	}
	void, err := d.voided(b)
	if err != nil {
		return err
	}
	if next := b.last() + 1; next > d.next {
		if !void {
			if err := d.take(b); err != nil || d.full {
				return err
			}
		}
		d.next = next
	}
	return nil
}

// voided tells whether a batch's records are none: control records, and what an
// aborted transaction wrote. A producer's records are void from the first offset
// of its aborted transaction up to its abort marker.
func (d *decoder) voided(b recordBatch) (bool, error) {
	for len(d.aborted) > 0 && d.aborted[0].first <= b.last() {
		if d.void == nil {
			d.void = make(map[int64]bool)
		}
		d.void[d.aborted[0].producer] = true
		d.aborted = d.aborted[1:]
	}
	if b.is(control) {
		abort, err := b.isAbortMarker()
		if abort {
			delete(d.void, b.producer())
		}
		return true, err
	}
	return b.is(transactional) && d.void[b.producer()], nil
}

// isAbortMarker reads a control batch: its record's key is a version and a
// type, 0 for abort. Compaction may have emptied it.
func (b recordBatch) isAbortMarker() (bool, error) {
	if b.count() == 0 {
		return false, nil
	}
	payload, err := b.payload()
	if err != nil {
		return false, err
	}
	c := cursor{rest: payload}
	record, _ := c.record(b, nil)
	if c.bad || len(record.Key) < 4 {
		return false, fmt.Errorf("%w at offset %d: a control record without a type", errCorrupt, b.base())
	}
	return binary.BigEndian.Uint16(record.Key[2:]) == 0, nil
}

// take appends the batch's records. Keys, values and header values share the
// answer's buffer, or the one that the batch was decompressed into.
func (d *decoder) take(b recordBatch) error {
	if d.streams(b) {
		return d.takePieces(b)
	}
	payload, err := b.payload()
	if errors.Is(err, errSwollen) && d.stream != nil {
		return d.takePieces(b)
	}
	if err != nil {
		return err
	}
	d.packed += len(b)
	d.unpacked += batchHeader + len(payload)
	c := cursor{rest: payload}
	for range b.count() {
		var record event.Record
		record, d.headers = c.record(b, d)
		if c.bad {
			return fmt.Errorf("%w at offset %d: a record ends beyond it", errCorrupt, b.base())
		}
		if record.Offset < max(d.from, d.next) {
			continue
		}
		if len(d.records) >= maxTaken {
			d.full, d.next = true, record.Offset
			return nil
		}
		d.records = append(d.records, record)
	}
	return nil
}

// smallRecord is what a small record takes, in bytes: with fewer in each, the
// records of a fetch outgrow the room that was made for them.
const smallRecord = 64

// countRecords adds up what the batches announce, within what their bytes allow:
// a record has seven at least, packed ones less. It stops at what will be taken.
func countRecords(log []byte, most int) int {
	n := 0
	for most == 0 || n < most/smallRecord {
		batch, rest, err := nextBatch(log)
		if batch == nil || err != nil {
			return n
		}
		log = rest
		if announced := batch.count(); announced > 0 && !batch.is(control) {
			n += min(announced, len(batch))
		}
	}
	return n
}

// cursor reads the records of a batch. After anything that cannot be read, bad is set.
type cursor struct {
	rest []byte
	bad  bool
}

// record reads the next record, its headers into d's room.
func (c *cursor) record(b recordBatch, d *decoder) (r event.Record, room []event.Header) {
	length := c.varint()
	if length < 1 || length > int64(len(c.rest)) {
		c.bad = true
		return r, nil
	}
	in := cursor{rest: c.rest[:length]}
	c.rest = c.rest[length:]
	r, room = in.body(b, d)
	c.bad = c.bad || in.bad
	return r, room
}

// body reads a record behind its length.
func (c *cursor) body(b recordBatch, d *decoder) (r event.Record, room []event.Header) {
	if c.bytesOf(1) == nil { // its attributes are unused
		return r, nil
	}
	if r.Time = b.int64(atMaxTimestamp); b.is(logAppendTime) {
		c.varint()
	} else {
		r.Time = b.int64(atFirstTimestamp) + c.varint()
	}
	r.Offset = b.base() + c.varint()
	r.Key = c.bytes()
	r.Value = c.bytes()
	if d != nil {
		r.Headers = c.headers(d)
		room = d.headers
	}
	return r, room
}

// headers reads a record's headers into the room that all records of a fetch share.
func (c *cursor) headers(d *decoder) []event.Header {
	n := c.varint()
	if n == 0 {
		return nil
	}
	if n < 0 || n > int64(len(c.rest)) {
		c.bad = true
		return nil
	}
	if n > event.MaxHeaders { // the record will be refused for them
		n = event.MaxHeaders + 1
	}
	if cap(d.headers)-len(d.headers) < int(n) {
		d.headers = make([]event.Header, 0, max(int(n), min(4*cap(d.headers)+64, 1<<15)))
	}
	first := len(d.headers)
	for range n {
		d.headers = append(d.headers, event.Header{Key: d.intern(c.bytes()), Value: c.bytes()})
	}
	return d.headers[first:len(d.headers):len(d.headers)]
}

// maxInterned bounds the header names that are kept.
const maxInterned = 256

// intern makes one string of equal header names: producers use the same few.
func (d *decoder) intern(key []byte) string {
	if s, ok := d.keys[string(key)]; ok {
		return s
	}
	s := string(key)
	if d.keys != nil && len(d.keys) < maxInterned {
		d.keys[s] = s
	}
	return s
}

// varint reads a zigzag integer.
func (c *cursor) varint() int64 {
	if len(c.rest) > 0 && c.rest[0] < 0x80 { // most are one byte
		v := c.rest[0]
		c.rest = c.rest[1:]
		return int64(v>>1) ^ -int64(v&1)
	}
	v, n := binary.Varint(c.rest)
	if n <= 0 {
		c.bad, c.rest = true, nil
		return 0
	}
	c.rest = c.rest[n:]
	return v
}

// bytesOf takes n bytes.
func (c *cursor) bytesOf(n int) []byte {
	if n > len(c.rest) {
		c.bad, c.rest = true, nil
		return nil
	}
	taken := c.rest[:n]
	c.rest = c.rest[n:]
	return taken
}

// bytes reads a byte string: nil for null, empty but not nil for an empty one.
func (c *cursor) bytes() []byte {
	n := c.varint()
	if n < 0 {
		return nil
	}
	if n > int64(len(c.rest)) {
		c.bad, c.rest = true, nil
		return nil
	}
	taken := c.rest[:n:n]
	c.rest = c.rest[n:]
	return taken
}
