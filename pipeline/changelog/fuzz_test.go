package changelog

import (
	"bytes"
	"reflect"
	"testing"

	"github.com/grapevinehq/grapevine/pipeline"
)

// What stands in a journal, in Redis or in the changelog, is our own; damaged it is an
// error, never a panic, and what is read reads again when it is written.
func FuzzOpen(f *testing.F) {
	whole, err := Seal([]byte("record"), []Row{{Kind: KindQueue, Key: "q", Member: "m", Rank: 7}, {Kind: KindValue, Key: "k", Piece: 3, Value: []byte("v"), Gone: true}})
	if err != nil {
		f.Fatal(err)
	}
	told, err := Told([]byte("record"))
	if err != nil {
		f.Fatal(err)
	}
	for _, seed := range [][]byte{whole, told, nil, {0xff}, {0xff, 2}, {0xff, 1, 0xa3}, []byte("never sealed")} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		record, rows, told, err := Open(b)
		if err != nil || !bytes.HasPrefix(b, seal) {
			return
		}
		again, err := encode(&sealed{Record: record, Rows: rows, Told: told})
		if err != nil {
			t.Fatal(err)
		}
		record2, rows2, told2, err := Open(again)
		if err != nil || !bytes.Equal(record2, record) || !reflect.DeepEqual(rows2, rows) || told2 != told {
			t.Fatalf("%x, %v, %t reads back as %x, %v, %t (%v)", record, rows, told, record2, rows2, told2, err)
		}
	})
}

func FuzzJournal(f *testing.F) {
	block, err := Block(pipeline.Bounds{Partition: pipeline.Partition{Topic: "t", Incarnation: "i", ID: 1}, Number: 2, First: 3, End: 4, Time: 5, Revision: "r"},
		Journal{Facts: []byte{1}, Record: []byte{2}, Shares: true, Claims: true}, []Row{{Kind: kindRetraced, Key: "b", Value: []byte("x")}})
	if err != nil {
		f.Fatal(err)
	}
	for _, c := range block.Columns {
		if c.Name == "value" {
			f.Add([]byte(c.Data.([]string)[0]))
		}
	}
	f.Add([]byte{0xa1, 0x01})
	f.Fuzz(func(_ *testing.T, b []byte) { _ = new(Journal).Decode(b) }) // must not panic
}
