package clicks

import (
	"fmt"

	"github.com/grapevinehq/grapevine/pipeline"
	"github.com/grapevinehq/grapevine/pipeline/click"
	"github.com/grapevinehq/grapevine/pipeline/codec"
)

// outcome is what became of a record, in one byte of the journal. The numbers
// stand in Redis: they never change.
type outcome byte

const (
	accepted       outcome = 0 // not yet decided; never journalled
	invalid        outcome = 1
	disagree       outcome = 2 // invalid: referrer_id and referral_code name two members
	unknownProgram outcome = 3
	unknownCode    outcome = 4
	redelivered    outcome = 5
	inactive       outcome = 6
	banned         outcome = 7
	bot            outcome = 8
	duplicate      outcome = 9
	unique         outcome = 10
)

var verdicts = [...]click.Verdict{
	invalid: click.Invalid, disagree: click.Invalid, unknownProgram: click.UnknownProgram, unknownCode: click.UnknownReferralCode,
	redelivered: click.Redelivered, inactive: click.Inactive, banned: click.Banned, bot: click.Bot, duplicate: click.Duplicate, unique: click.Unique,
}

func storedAs(v click.Verdict) outcome {
	for o := inactive; o <= unique; o++ {
		if verdicts[o] == v {
			return o
		}
	}
	return invalid
}

// stored tells whether the click becomes a row and is remembered.
func (o outcome) stored() bool { return o >= inactive }

// record is what the journal keeps of a decided batch, beside the input itself.
type record struct {
	Outcomes []byte   `cbor:"1,keyasint"`           // one a record of the input
	Reasons  []string `cbor:"2,keyasint,omitempty"` // of the bots, in order
	Owners   []string `cbor:"3,keyasint,omitempty"` // of the stored clicks that name a code alone, in order
	Secret   uint32   `cbor:"4,keyasint"`           // fingerprint of the hash secret
}

// Record implements pipeline.Work.
func (b *work) Record() ([]byte, error) { return codec.Marshal(&b.rec) }

// TakeRecord implements pipeline.Work.
func (b *work) TakeRecord(data []byte) error {
	var rec record
	if err := decodeRecord(data, &rec); err != nil {
		return fmt.Errorf("decode the record of batch %d: %w", b.bounds.Number, err)
	}
	if len(rec.Outcomes) != len(b.records) {
		return fmt.Errorf("batch %d decided %d records, and Kafka has %d of them: %w", b.bounds.Number, len(rec.Outcomes), len(b.records), pipeline.ErrOffsetsLost)
	}
	b.rec = rec
	return nil
}

func decodeRecord(data []byte, rec *record) error { return codec.Unmarshal(data, rec) }
