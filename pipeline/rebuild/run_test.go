package rebuild

import (
	"testing"

	"github.com/grapevinehq/grapevine/pipeline/changelog"
)

// A value is what was set last, and what was appended since: pieces of before it was
// set or deleted are in the changelog still.
func TestAssembled_is_what_was_set_and_the_pieces_since(t *testing.T) {
	type row struct {
		piece, batch uint64
		value        string
		gone         bool
	}
	tests := []struct {
		name string
		rows []row
		want string
		none bool
	}{
		{"set", []row{{0, 3, "a", false}}, "a", false},
		{"set to nothing", []row{{0, 3, "", false}}, "", false},
		{"set, and appended to", []row{{0, 3, "a", false}, {2, 2, "x", false}, {3, 3, "b", false}, {5, 5, "c", false}}, "abc", false},
		{"never set", []row{{2, 2, "b", false}, {5, 5, "c", false}}, "bc", false},
		{"deleted", []row{{0, 3, "", true}, {2, 2, "x", false}}, "", true},
		{"deleted, and begun again", []row{{0, 3, "", true}, {2, 2, "x", false}, {3, 3, "b", false}}, "b", false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			var v assembled
			for _, r := range tt.rows {
				v.add(&changelog.Row{Kind: changelog.KindValue, Key: "k", Piece: r.piece, Value: []byte(r.value), Gone: r.gone}, r.batch)
			}
			if string(v.data) != tt.want || v.data == nil != tt.none {
				t.Errorf("got %q, none: %t", v.data, v.data == nil)
			}
		})
	}
}
