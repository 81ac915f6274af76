package consumers

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"runtime"
	"testing"

	"github.com/segmentio/kafka-go/compress"
	"pgregory.net/rapid"

	"github.com/grapevinehq/grapevine/pipeline/event"
)

// readBatch reads a batch to its end, in as many fetches as it takes, and tells how
// much memory one of them held at most.
func readBatch(t *testing.T, batch []byte, end int64) (records []event.Record, fetches int, held uint64) {
	t.Helper()
	var s *stream
	var before, after runtime.MemStats
	for from := int64(0); from < end; fetches++ {
		runtime.GC()
		runtime.ReadMemStats(&before)
		d := decoder{from: from, next: from, most: 4 << 20, stream: &s}
		if _, err := d.decode(batch); err != nil {
			t.Fatalf("from %d: %v", from, err)
		}
		if d.next <= from {
			t.Fatalf("stands still at %d", from)
		}
		runtime.GC()
		runtime.ReadMemStats(&after)
		held = max(held, after.HeapAlloc-min(before.HeapAlloc, after.HeapAlloc))
		for _, r := range d.records {
			records = append(records, event.Record{Offset: r.Offset, Time: int64(len(r.Value)), Key: bytes.Clone(r.Key[:min(len(r.Key), 8)])})
		}
		from = d.next
		runtime.KeepAlive(d.records)
	}
	if s != nil {
		t.Error("the batch is still open")
	}
	return records, fetches, held
}

// Batches that become thousands of times as large as they came are read piece by
// piece, every record once and in order, in little memory.
func TestDecoder_reads_batches_that_unpack_to_very_much(t *testing.T) {
	t.Run("many records", func(t *testing.T) {
		const n = 80
		var raw []byte
		for i := range n {
			raw = appendRecord(raw, int64(i), []byte("k"), make([]byte, 1<<20-i))
		}
		batch := encodeBatch(0, n-1, n, -1, int16(compress.Zstd), pack(compress.Zstd, raw))
		records, fetches, held := readBatch(t, batch, n)
		if len(records) != n || fetches < 10 || held > 32<<20 {
			t.Errorf("%d bytes: %d records in %d fetches, %d MiB held", len(batch), len(records), fetches, held>>20)
		}
		for i, r := range records {
			if r.Offset != int64(i) || r.Time != int64(1<<20-i) || string(r.Key) != "k" {
				t.Fatalf("record %d: %+v", i, r)
			}
		}
	})
	t.Run("very many small records", func(t *testing.T) {
		const n = 5 << 19 // of 7 bytes: over the bound, and many times that when decoded
		var raw []byte
		for i := range n {
			raw = appendRecord(raw, int64(i), nil, nil)
		}
		batch := encodeBatch(0, n-1, n, -1, int16(compress.Lz4), pack(compress.Lz4, raw))
		records, _, held := readBatch(t, batch, n)
		if len(records) != n || held > 64<<20 {
			t.Errorf("%d bytes: %d records, %d MiB held", len(batch), len(records), held>>20)
		}
	})
	for name, key := range map[string][]byte{"one huge value": []byte("k"), "one huge key": make([]byte, 100<<20)} {
		t.Run(name, func(t *testing.T) {
			value := make([]byte, 200<<20-len(key))
			raw := appendRecord(appendRecord(nil, 0, key, value), 1, []byte("k"), []byte("after"))
			records, _, held := readBatch(t, encodeBatch(0, 1, 2, -1, int16(compress.Zstd), pack(compress.Zstd, raw)), 2)
			if len(records) != 2 || records[1].Time != 5 || held > 32<<20 { // a decompressor alone holds 16 MiB
				t.Fatalf("%d records, %d MiB held", len(records), held>>20)
			}
		})
	}
}

// Whatever is cut off a record is refused by every stage.
func TestDecoder_cuts_only_what_is_refused(t *testing.T) {
	flood := func(n int) []byte { // a record with n headers
		body := binary.AppendVarint(binary.AppendVarint([]byte{0}, 0), 0)
		body = append(binary.AppendVarint(body, 1), 'k')
		body = append(binary.AppendVarint(body, 2), '{', '}')
		body = binary.AppendVarint(body, int64(n))
		for range n {
			body = binary.AppendVarint(append(binary.AppendVarint(body, 2), 'a', 'b'), 0)
		}
		return append(binary.AppendVarint(nil, int64(len(body))), body...)
	}
	for name, raw := range map[string][]byte{
		"value":    appendRecord(nil, 0, []byte("k"), make([]byte, 20<<20)),
		"key":      appendRecord(nil, 0, make([]byte, 20<<20), []byte("{}")),
		"both":     appendRecord(nil, 0, make([]byte, 10<<20), make([]byte, 10<<20)),
		"headers":  flood(6 << 20),
		"many":     flood(5000),
		"no value": appendRecord(nil, 0, make([]byte, 20<<20), nil),
	} {
		var s *stream
		d := decoder{most: 4 << 20, stream: &s}
		if _, err := d.decode(encodeBatch(0, 0, 1, -1, int16(compress.Zstd), pack(compress.Zstd, raw))); err != nil || len(d.records) != 1 {
			t.Fatalf("%s: %d records, %v", name, len(d.records), err)
		}
		r := &d.records[0]
		if n := len(r.Key) + len(r.Value); n > 5<<20 || len(r.Headers) > event.MaxHeaders+1 {
			t.Errorf("%s: %d bytes and %d headers are kept", name, n, len(r.Headers))
		}
		var click event.Click
		var member event.Member
		var in event.Inbound
		for stage, problems := range map[string][]string{
			"clicks": event.DecodeClick(r, &click, event.DefaultLimits), "members": event.DecodeMember(r, &member, event.DefaultLimits),
			"credits": event.DecodeCredits(r, &in),
		} {
			if len(problems) == 0 {
				t.Errorf("%s is taken by %s", name, stage)
			}
		}
	}
}

// A block of a few bytes that announces gigabytes takes no room for them.
func TestDecoder_believes_no_snappy_announcement(t *testing.T) {
	lie := binary.AppendUvarint(nil, 3<<30)
	framed := append([]byte("\x82SNAPPY\x00\x00\x00\x00\x01\x00\x00\x00\x01"), 0, 0, 0, byte(len(lie)))
	for name, packed := range map[string][]byte{"plain": lie, "framed": append(framed, lie...)} {
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		d := decoder{}
		if _, err := d.decode(encodeBatch(0, 0, 1, -1, int16(compress.Snappy), packed)); err == nil {
			t.Errorf("%s: no error", name)
		}
		runtime.ReadMemStats(&after)
		if took := after.TotalAlloc - before.TotalAlloc; took > 64<<20 {
			t.Errorf("%s: %d MiB were taken", name, took>>20)
		}
	}
	honest := bytes.Repeat([]byte("grapevine"), 1<<16)
	if !plausibleSnappy(pack(compress.Snappy, honest)) {
		t.Error("an honest block is refused")
	}
}

// Piece by piece, and from wherever a fetch begins, a batch is what it is as a whole.
func TestDecoder_reads_pieces_as_it_reads_the_whole(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		n := rapid.IntRange(1, 20).Draw(t, "records")
		var raw []byte
		for i := range n {
			raw = appendRecord(raw, int64(i), rapid.SliceOf(rapid.Byte()).Draw(t, "key"), rapid.SliceOf(rapid.Byte()).Draw(t, "value"))
		}
		codec := compress.Compression(rapid.IntRange(1, 4).Draw(t, "codec"))
		b := recordBatch(encodeBatch(100, int32(n-1), int32(n), -1, int16(codec), pack(codec, raw)))
		from := 100 + rapid.Int64Range(0, int64(n)).Draw(t, "from")
		var s *stream
		whole, pieces := decoder{from: from, next: from}, decoder{from: from, next: from, stream: &s}
		if err := whole.take(b); err != nil {
			t.Fatal(err)
		}
		if err := pieces.takePieces(b); err != nil {
			t.Fatal(err)
		}
		if got, want := fmt.Sprint(pieces.records), fmt.Sprint(whole.records); got != want {
			t.Fatalf("%s in pieces, %s as a whole", got, want)
		}
	})
}
