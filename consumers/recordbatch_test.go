package consumers

import (
	"encoding/binary"
	"fmt"
	"hash/crc32"
	"slices"
	"testing"

	"github.com/segmentio/kafka-go/compress"
	"github.com/twmb/franz-go/pkg/kmsg"
	"pgregory.net/rapid"
)

// written is one record of a model log.
type written struct {
	offset int64
	void   bool // control, or of an aborted transaction
	gone   bool // compacted away
	value  string
}

// modelLog is a partition as producers wrote it, with its batches encoded.
type modelLog struct {
	batches [][]byte
	first   []int64 // of each batch
	records [][]written
	aborted []abortedSpan
}

type abortedSpan struct{ producer, first, marker int64 }

// drawLog writes batches of several producers, with and without transactions,
// compressed or not, and compacts some.
func drawLog(t *rapid.T) *modelLog {
	log := &modelLog{}
	next := rapid.Int64Range(0, 100).Draw(t, "start")
	open := make(map[int64]*[]*written) // by producer, what its transaction wrote
	began := make(map[int64]int64)
	steps := rapid.IntRange(1, 25).Draw(t, "steps")
	for i := range steps {
		producer := rapid.Int64Range(1, 3).Draw(t, "producer")
		if of := open[producer]; of != nil && (rapid.Bool().Draw(t, "end") || i == steps-1) {
			abort := rapid.Bool().Draw(t, "abort")
			if abort {
				for _, r := range *of {
					r.void = true
				}
				log.aborted = append(log.aborted, abortedSpan{producer, began[producer], next})
			}
			log.add(next, encodeMarker(next, producer, abort), []written{{offset: next, void: true}})
			delete(open, producer)
			next++
			continue
		}
		inTransaction := producer != 3
		n := rapid.IntRange(1, 5).Draw(t, "records")
		records := make([]written, n)
		for j := range records {
			records[j] = written{offset: next + int64(j), value: fmt.Sprintf("v%d", next+int64(j)), gone: rapid.IntRange(0, 4).Draw(t, "gone") == 0}
		}
		codec := compress.Compression(rapid.IntRange(0, 4).Draw(t, "codec"))
		log.add(next, encodeRecords(next, producer, inTransaction, codec, records), records)
		if inTransaction {
			if open[producer] == nil {
				open[producer] = &[]*written{}
				began[producer] = next
			}
			kept := log.records[len(log.records)-1]
			for j := range kept {
				*open[producer] = append(*open[producer], &kept[j])
			}
		}
		next += int64(n)
	}
	return log
}

func (l *modelLog) add(first int64, encoded []byte, records []written) {
	l.first = append(l.first, first)
	l.batches = append(l.batches, encoded)
	l.records = append(l.records, records)
}

// abortedIn lists, as a broker does, the aborted transactions that reach into a span.
func (l *modelLog) abortedIn(from, until int64) (in []abortedTransaction) {
	for _, a := range l.aborted {
		if a.first < until && a.marker >= from {
			in = append(in, abortedTransaction{producer: a.producer, first: a.first})
		}
	}
	return in
}

func encodeRecords(first, producer int64, transaction bool, codec compress.Compression, records []written) []byte {
	var raw []byte
	count := int32(0)
	for _, r := range records {
		if r.gone {
			continue
		}
		count++
		raw = appendRecord(raw, r.offset-first, nil, []byte(r.value))
	}
	attributes := int16(codec)
	if transaction {
		attributes |= transactional
	}
	return encodeBatch(first, int32(len(records)-1), count, producer, attributes, pack(codec, raw))
}

func encodeMarker(first, producer int64, abort bool) []byte {
	key := []byte{0, 0, 0, 1}
	if abort {
		key[3] = 0
	}
	return encodeBatch(first, 0, 1, producer, transactional|control, appendRecord(nil, 0, key, []byte{0, 0, 0, 0, 0, 0}))
}

func appendRecord(to []byte, delta int64, key, value []byte) []byte {
	r := kmsg.NewRecord()
	r.OffsetDelta = int32(delta)
	r.TimestampDelta64 = delta
	r.Key, r.Value = key, value
	body := r.AppendTo(nil)[1:] // its length is still 0, one byte
	r.Length = int32(len(body))
	return r.AppendTo(to)
}

func pack(codec compress.Compression, raw []byte) []byte {
	if codec == compress.None {
		return raw
	}
	var packed buffer
	w := codec.Codec().NewWriter(&packed)
	if _, err := w.Write(raw); err != nil {
		panic(err)
	}
	if err := w.Close(); err != nil {
		panic(err)
	}
	return packed
}

type buffer []byte

func (b *buffer) Write(p []byte) (int, error) { *b = append(*b, p...); return len(p), nil }

func encodeBatch(first int64, lastDelta, count int32, producer int64, attributes int16, payload []byte) []byte {
	b := kmsg.NewRecordBatch()
	b.FirstOffset, b.LastOffsetDelta, b.NumRecords = first, lastDelta, count
	b.ProducerID, b.Attributes, b.Magic, b.Records = producer, attributes, 2, payload
	b.FirstTimestamp, b.MaxTimestamp = 1000, 9000
	encoded := b.AppendTo(nil)
	binary.BigEndian.PutUint32(encoded[atLength:], uint32(len(encoded)-atMagic+4))
	return sign(encoded)
}

// sign sets a batch's checksum right.
func sign(batch []byte) []byte {
	binary.BigEndian.PutUint32(batch[atChecksum:], crc32.Checksum(batch[atAttributes:], castagnoli))
	return batch
}

// Whatever was written, wherever a fetch begins and wherever its answer is cut
// off: exactly the committed records from there on are read, once.
func TestDecoder_reads_exactly_what_was_committed(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		log := drawLog(t)
		at := rapid.IntRange(0, len(log.batches)-1).Draw(t, "batch")
		until := rapid.IntRange(at+1, len(log.batches)).Draw(t, "until")
		span := log.records[at]
		from := rapid.Int64Range(span[0].offset, span[len(span)-1].offset).Draw(t, "from")

		answer := slices.Concat(log.batches[at:until]...)
		end := log.records[until-1][len(log.records[until-1])-1].offset + 1
		if until < len(log.batches) { // the next batch is cut off
			answer = append(answer, log.batches[until][:rapid.IntRange(0, len(log.batches[until])-1).Draw(t, "cut")]...)
		}
		d := decoder{from: from, next: from, aborted: log.abortedIn(from, end), keys: make(map[string]string)}
		if whole, err := d.decode(answer); err != nil || !whole {
			t.Fatalf("whole %v, %v", whole, err)
		}
		if d.next != end {
			t.Errorf("next is %d, want %d", d.next, end)
		}
		var want, got []string
		for _, batch := range log.records[at:until] {
			for _, r := range batch {
				if r.offset >= from && !r.void && !r.gone {
					want = append(want, fmt.Sprint(r.offset, " ", r.value, " ", 1000+r.offset-batch[0].offset))
				}
			}
		}
		for _, r := range d.records {
			got = append(got, fmt.Sprint(r.Offset, " ", string(r.Value), " ", r.Time))
		}
		if !slices.Equal(got, want) {
			t.Errorf("read %q, want %q", got, want)
		}
	})
}

func TestDecoder_takes_the_broker_s_time_where_the_topic_says_so(t *testing.T) {
	payload := appendRecord(appendRecord(nil, 0, nil, nil), 1, []byte{}, []byte{})
	d := decoder{}
	if _, err := d.decode(encodeBatch(5, 1, 2, -1, logAppendTime, payload)); err != nil {
		t.Fatal(err)
	}
	if d.records[0].Time != 9000 || d.records[1].Time != 9000 {
		t.Errorf("times %d and %d, want the batch's", d.records[0].Time, d.records[1].Time)
	}
	if d.records[0].Key != nil || d.records[1].Key == nil || d.records[1].Value == nil {
		t.Errorf("null and empty are not told apart: %+v", d.records)
	}
}

func TestDecoder_keeps_its_bounds(t *testing.T) {
	payload := appendRecord(nil, 0, nil, []byte("v"))
	batch := func(change func(b []byte)) []byte {
		b := encodeBatch(0, 0, 1, -1, 0, slices.Clone(payload))
		change(b)
		return sign(b)
	}
	for name, log := range map[string][]byte{
		"more records than bytes": batch(func(b []byte) { binary.BigEndian.PutUint32(b[atCount:], 1<<30) }),
		"a negative count":        batch(func(b []byte) { binary.BigEndian.PutUint32(b[atCount:], 1<<31) }),
		"an unknown codec":        batch(func(b []byte) { b[atAttributes+1] = 7 }),
		"a record too long":       batch(func(b []byte) { b[batchHeader] = 0x7e }),
		"an old format":           batch(func(b []byte) { b[atMagic] = 1 }),
		"a batch of no length":    batch(func(b []byte) { binary.BigEndian.PutUint32(b[atLength:], 3) }),
		"a negative length":       batch(func(b []byte) { binary.BigEndian.PutUint32(b[atLength:], 1<<31) }),
	} {
		d := decoder{}
		if _, err := d.decode(log); err == nil {
			t.Errorf("%s: no error, %d records", name, len(d.records))
		}
	}
}

func FuzzDecoder(f *testing.F) {
	for _, codec := range []compress.Compression{0, 1, 2, 3, 4} {
		f.Add(encodeRecords(3, 1, false, codec, []written{{offset: 3, value: "a"}, {offset: 4, value: "b"}}), int64(0), true)
	}
	f.Add(encodeMarker(3, 1, true), int64(0), true)
	f.Fuzz(func(t *testing.T, log []byte, from int64, signed bool) {
		if signed && len(log) > batchHeader {
			sign(log) // or hardly anything gets past the checksum
		}
		d := decoder{from: from, next: from, aborted: []abortedTransaction{{1, 2}}, keys: make(map[string]string)}
		d.decode(log) //nolint:errcheck // it must only not panic, nor go back
		if d.next < from {
			t.Errorf("went back from %d to %d", from, d.next)
		}
		for _, r := range d.records {
			if r.Offset < from {
				t.Errorf("offset %d is before %d", r.Offset, from)
			}
		}
	})
}
