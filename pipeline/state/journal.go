package state

import (
	"fmt"
	"strconv"

	"github.com/fxamacker/cbor/v2"

	"github.com/grapevinehq/grapevine/pipeline"
)

// boundsVersion is the first byte of encoded bounds.
const boundsVersion = 1

// bounds is pipeline.Bounds as the journal keeps it; the partition is the key.
type bounds struct {
	Number   uint64 `cbor:"1,keyasint"`
	First    int64  `cbor:"2,keyasint"`
	End      int64  `cbor:"3,keyasint"`
	Time     int64  `cbor:"4,keyasint"`
	Revision string `cbor:"5,keyasint"`
}

// deterministic makes equal bounds equal bytes, which fill.lua compares.
var deterministic = func() cbor.EncMode {
	mode, err := cbor.CoreDetEncOptions().EncMode()
	if err != nil {
		panic("state: the options of CBOR are constant: " + err.Error())
	}
	return mode
}()

func encodeBounds(b pipeline.Bounds) ([]byte, error) {
	encoded, err := deterministic.Marshal(bounds{Number: b.Number, First: b.First, End: b.End, Time: b.Time, Revision: b.Revision})
	if err != nil {
		return nil, fmt.Errorf("encode the bounds of batch %d of %s: %w", b.Number, b.Partition, err)
	}
	return append([]byte{boundsVersion}, encoded...), nil
}

// decodeBounds reads what encodeBounds wrote.
func decodeBounds(partition pipeline.Partition, encoded []byte) (pipeline.Bounds, error) {
	if len(encoded) == 0 || encoded[0] != boundsVersion {
		return pipeline.Bounds{}, fmt.Errorf("the journal of %s was written by a version that this one does not know", partition)
	}
	var b bounds
	if err := cbor.Unmarshal(encoded[1:], &b); err != nil {
		return pipeline.Bounds{}, fmt.Errorf("the journal of %s: decode the bounds: %w", partition, err)
	}
	return pipeline.Bounds{Partition: partition, Number: b.Number, First: b.First, End: b.End, Time: b.Time, Revision: b.Revision}, nil
}

// read takes a journal from an answer: number, bounds, facts, record, encoder
// from element i on.
func (p *Partition) read(answer []any, i int) (pipeline.Journal, error) {
	if text(answer, i) == "" {
		return pipeline.Journal{}, nil
	}
	b, err := decodeBounds(p.partition, elementBytes(answer, i+1))
	if err != nil {
		return pipeline.Journal{}, err
	}
	journal := pipeline.Journal{Exists: true, Bounds: b, Facts: elementBytes(answer, i+2), Record: elementBytes(answer, i+3)}
	if encoder := text(answer, i+4); encoder != "" {
		journal.Filled = true
		if journal.Encoder, err = strconv.Atoi(encoder); err != nil {
			return pipeline.Journal{}, fmt.Errorf("the journal of %s: read the encoder's version: %w", p.partition, err)
		}
		if known := p.store.options.Encoder; journal.Encoder > known {
			return pipeline.Journal{}, fmt.Errorf("the journal of %s: batch %d was recorded by a newer release (encoding %d, and this one knows up to %d): run that release, which carries it out", p.partition, b.Number, journal.Encoder, known)
		}
	}
	return journal, nil
}
