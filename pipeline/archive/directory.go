package archive

import (
	"fmt"

	"github.com/grapevinehq/grapevine/pipeline/codec"
)

// directoryKey is the key of the directory.
const directoryKey = "hot:lists"

// directory says which lists there may be: those of batches First to Last, less
// the batches that wrote nothing. First is behind Last when there is none.
type directory struct {
	First   uint64 `cbor:"1,keyasint"`
	FirstAt int64  `cbor:"2,keyasint"` // its time, or an earlier one; ms since the epoch
	Last    uint64 `cbor:"3,keyasint"`
	Moved   bool   `cbor:"4,keyasint,omitempty"` // values have been archived
}

func (d *directory) empty() bool { return d.First > d.Last }

func (d *directory) decode(b []byte) error {
	if b == nil {
		*d = directory{First: 1}
		return nil
	}
	if err := codec.Unmarshal(b, d); err != nil {
		return fmt.Errorf("read the directory of hot values: %w", err)
	}
	return nil
}

func (d *directory) encode() ([]byte, error) { return codec.Marshal(d) }
