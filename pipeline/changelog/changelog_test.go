package changelog

import (
	"bytes"
	"reflect"
	"testing"

	"pgregory.net/rapid"

	"github.com/grapevinehq/grapevine/pipeline"
)

// Rows say of everything that a batch touched what it comes to, in the order in which
// writes are carried out.
func TestChange_comes_to_one_row_a_place(t *testing.T) {
	kept, old := pipeline.NewClaimID("conv/1"), pipeline.NewClaimID("conv/2")
	c := Change{
		Writes: pipeline.Writes{
			Delete:  []string{"gone", "back", "begun"},
			Set:     []pipeline.KeyValue{{Key: "back", Value: []byte("1")}},
			Append:  []pipeline.KeyValue{{Key: "begun", Value: []byte("a")}, {Key: "begun", Value: []byte("b")}},
			Dequeue: []pipeline.QueueMember{{Key: "q", Member: "moves"}, {Key: "q", Member: "left"}},
			Enqueue: []pipeline.QueueMember{{Key: "q", Member: "moves", Rank: 7}},
		},
		Shared: []pipeline.SharedSet{{Key: "m", Field: "f", Value: []byte("x")}, {Key: "m", Field: "f"}},
		Claims: []Claim{{Owned: pipeline.Owned{ID: kept, Offset: 9}}, {Owned: pipeline.Owned{ID: old, Offset: 8}}, {Owned: pipeline.Owned{ID: old, Offset: 8}, Released: true}},
	}
	want := []Row{
		{Kind: KindValue, Key: "gone", Gone: true},
		{Kind: KindValue, Key: "back", Value: []byte("1")},
		{Kind: KindValue, Key: "begun", Gone: true},
		{Kind: KindValue, Key: "begun", Piece: 5, Value: []byte("ab")},
		{Kind: KindQueue, Key: "q", Member: "moves", Rank: 7},
		{Kind: KindQueue, Key: "q", Member: "left", Gone: true},
		{Kind: KindShared, Key: "m", Member: "f", Gone: true},
		{Kind: KindClaim, Key: string(kept[:]), Rank: 9},
		{Kind: KindClaim, Key: string(old[:]), Rank: 8, Gone: true},
	}
	if got := c.Rows(5); !reflect.DeepEqual(got, want) {
		t.Errorf("got %+v\nwant %+v", got, want)
	}
}

// What is sealed is found again, and a record that was never sealed is told apart,
// whatever its first byte is, as long as no seal begins with it.
func TestSeal_is_opened(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		record := rapid.SliceOf(rapid.Byte()).Draw(t, "record")
		var rows []Row
		for range rapid.IntRange(0, 4).Draw(t, "rows") {
			rows = append(rows, Row{Kind: KindQueue, Key: string(rapid.SliceOf(rapid.Byte()).Draw(t, "key")), Rank: rapid.Int64().Draw(t, "rank"), Value: []byte{1}})
		}
		sealed, err := Seal(record, rows)
		if err != nil {
			t.Fatal(err)
		}
		got, found, told, err := Open(sealed)
		if err != nil || told || !bytes.Equal(got, record) || !reflect.DeepEqual(found, rows) {
			t.Fatalf("opened %x, %v, told %t (%v)", got, found, told, err)
		}
		if sealed, err = Told(record); err != nil {
			t.Fatal(err)
		}
		if got, found, told, err = Open(sealed); err != nil || !told || len(found) > 0 || !bytes.Equal(got, record) {
			t.Fatalf("opened %x, %v, told %t (%v)", got, found, told, err)
		}
		got, _, told, err = Open(record)
		switch {
		case len(record) > 0 && record[0] == seal[0]:
			if err == nil && !bytes.HasPrefix(record, seal) {
				t.Fatalf("a seal of another release was opened: %x", record)
			}
		case err != nil || !told || !bytes.Equal(got, record):
			t.Fatalf("a record without a seal came out as %x, told %t (%v)", got, told, err)
		}
	})
}
