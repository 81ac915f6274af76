package credits

import (
	"fmt"

	"github.com/grapevinehq/grapevine/pipeline/codec"
	"github.com/grapevinehq/grapevine/pipeline/reward"
)

// recordFormat is the first byte of a record: the version of its encoding.
const recordFormat = 1

// record is what a batch decided, as the journal keeps it. Reward events stand
// in it as they are published, byte for byte, so that another release that
// carries the record out publishes the same.
type record struct {
	Verdicts []byte     `cbor:"1,keyasint"` // one for each record of the batch
	Rewards  []happened `cbor:"2,keyasint,omitempty"`
	Letters  []letter   `cbor:"3,keyasint,omitempty"`
}

// happened is one reward event, and the record that caused it.
type happened struct {
	Index int          `cbor:"1,keyasint"`
	Event reward.Event `cbor:"2,keyasint"`
	Value []byte       `cbor:"3,keyasint"`
}

// letter is a record that is no credit.
type letter struct {
	Index  int    `cbor:"1,keyasint"`
	Detail string `cbor:"2,keyasint"`
}

func (r *record) encode() ([]byte, error) {
	body, err := codec.Marshal(r)
	if err != nil {
		return nil, fmt.Errorf("encode the record of %d credits: %w", len(r.Verdicts), err)
	}
	return append([]byte{recordFormat}, body...), nil
}

// decode reads a record of a batch of n input records.
func (r *record) decode(data []byte, n int) error {
	if len(data) == 0 || data[0] != recordFormat {
		return fmt.Errorf("the record's encoding is not known to this release; run the release that wrote it, or a newer one")
	}
	*r = record{}
	if err := codec.Unmarshal(data[1:], r); err != nil {
		return fmt.Errorf("decode the record: %w", err)
	}
	if len(r.Verdicts) != n {
		return fmt.Errorf("the record has verdicts on %d records, the batch has %d: was the topic compacted or made anew?", len(r.Verdicts), n)
	}
	for i := range r.Rewards {
		if r.Rewards[i].Index < 0 || r.Rewards[i].Index >= n {
			return fmt.Errorf("the record names input %d of %d", r.Rewards[i].Index, n)
		}
	}
	for i := range r.Letters {
		if r.Letters[i].Index < 0 || r.Letters[i].Index >= n {
			return fmt.Errorf("the record names input %d of %d", r.Letters[i].Index, n)
		}
	}
	return nil
}
