package conversions

import (
	"bytes"
	"fmt"

	"github.com/grapevinehq/grapevine/pipeline"
	"github.com/grapevinehq/grapevine/pipeline/archive"
	"github.com/grapevinehq/grapevine/pipeline/attribution"
)

// record is what was decided: all that a replay needs beside the input records.
// It holds values, not configuration: a replay asks nothing of anybody.
type record struct {
	Decisions []decision   `cbor:"1,keyasint"`
	Letters   []lateLetter `cbor:"3,keyasint,omitempty"` // of adjustments that the books settled
	Writes    []write      `cbor:"2,keyasint,omitempty"`
	// Moves are values that go from the hot memory to the archive.
	Moves archive.Moves `cbor:"4,keyasint"`
	Seen  seen          `cbor:"5,keyasint,omitempty"`
}

// write is one value of the partition's memory; nil deletes it.
type write struct {
	Key    string `cbor:"1,keyasint"`
	Value  []byte `cbor:"2,keyasint,omitempty"`
	Append bool   `cbor:"3,keyasint,omitempty"` // to what is there
}

// decision is what became of the record at Index.
type decision struct {
	Index   int    `cbor:"1,keyasint"`
	Verdict string `cbor:"2,keyasint"`
	Reason  string `cbor:"3,keyasint,omitempty"`
	Dead    bool   `cbor:"4,keyasint,omitempty"` // a dead letter: Verdict is its reason, Reason its detail

	// Of a conversion.
	Amount   int64                   `cbor:"5,keyasint,omitempty"` // in the program's currency
	Currency string                  `cbor:"6,keyasint,omitempty"` // the program's
	Version  string                  `cbor:"7,keyasint,omitempty"`
	Day      int32                   `cbor:"8,keyasint,omitempty"` // in the program's zone, days since the epoch
	Model    string                  `cbor:"9,keyasint,omitempty"`
	Credits  []creditRow             `cbor:"10,keyasint,omitempty"`
	Seen     []attribution.Candidate `cbor:"11,keyasint,omitempty"`
	Applied  []adjustmentRow         `cbor:"12,keyasint,omitempty"` // by an adjustment; by a conversion, those that waited for it
	HandOver []handOver              `cbor:"13,keyasint,omitempty"` // what rewards are told
	Early    bool                    `cbor:"15,keyasint,omitempty"` // by attribution_max_wait
	Letters  []lateLetter            `cbor:"16,keyasint,omitempty"` // about adjustments that waited
	Margin   *float64                `cbor:"14,keyasint,omitempty"` // of the program version
	Owns     owns                    `cbor:"17,keyasint,omitempty"` // the ids that it claimed
}

// creditRow is one row of the table attributions.
type creditRow struct {
	Model       string               `cbor:"1,keyasint"`
	Paying      bool                 `cbor:"2,keyasint,omitempty"`
	Referrer    attribution.Referrer `cbor:"3,keyasint"`
	PPM         int64                `cbor:"4,keyasint"`
	AmountMinor int64                `cbor:"5,keyasint,omitempty"`
}

// handOver is a conversion as it stands after it was decided or adjusted: rewards
// are told of it by a credit for each beneficiary.
type handOver struct {
	ConversionID string     `cbor:"1,keyasint"`
	Standing     conversion `cbor:"2,keyasint"`
	// Peers: its credits do not list the shares, see peers.go. What was journalled
	// before there were any is told as it would have been then.
	Peers bool `cbor:"3,keyasint,omitempty"`
}

// adjustmentRow is one row of the table adjustments.
type adjustmentRow struct {
	Adjustment storedAdjustment `cbor:"1,keyasint"`
	Offset     int64            `cbor:"2,keyasint"`
	Minor      int64            `cbor:"3,keyasint,omitempty"` // signed
	Original   int64            `cbor:"8,keyasint,omitempty"` // the same, in the conversion's currency
	Counts     bool             `cbor:"4,keyasint,omitempty"`
	Day        int32            `cbor:"5,keyasint,omitempty"` // the conversion's
	Time       int64            `cbor:"6,keyasint,omitempty"` // the conversion's
	Currency   string           `cbor:"7,keyasint,omitempty"`
}

// handOver notes a conversion as it stands now, if rewards have to know of it.
func (d *decision) handOver(conversionID string, c *conversion) {
	if len(c.Parties) > 0 {
		d.HandOver = append(d.HandOver, handOver{conversionID, *c, len(c.Shares) > listedShares})
	}
}

// Record encodes what was decided.
func (k *work) Record() ([]byte, error) {
	b, err := encode(&k.record)
	if err != nil {
		return nil, fmt.Errorf("encode %d decisions: %w", len(k.record.Decisions), err)
	}
	k.encoded = b
	return b, nil
}

// TakeRecord takes a journalled record, which mostly is the one encoded here.
func (k *work) TakeRecord(b []byte) error {
	if k.encoded != nil && bytes.Equal(b, k.encoded) {
		return nil
	}
	k.encoded = nil
	k.record = record{}
	if err := decode(b, &k.record); err != nil {
		return fmt.Errorf("read the record of batch %d: %w", k.bounds.Number, err)
	}
	for _, d := range k.record.Decisions {
		if d.Index < 0 || d.Index >= len(k.records) {
			return fmt.Errorf("the record of batch %d decides event %d of %d: the records read differ from those decided: %w",
				k.bounds.Number, d.Index, len(k.records), pipeline.ErrOffsetsLost)
		}
	}
	return nil
}
