package members

import (
	"fmt"

	"github.com/grapevinehq/grapevine/pipeline"
	"github.com/grapevinehq/grapevine/pipeline/codec"
	"github.com/grapevinehq/grapevine/pipeline/event"
	"github.com/grapevinehq/grapevine/pipeline/member"
)

// verdict is what became of a record. The numbers stand in Redis: they never
// change.
type verdict byte

const (
	applied        verdict = 1
	forgotten      verdict = 2
	redelivered    verdict = 3
	invalid        verdict = 4
	unknownProgram verdict = 5 // of an org that no configuration knows (§9 (2))
)

var names = [...]string{applied: "applied", forgotten: "forgotten", redelivered: "redelivered", invalid: "invalid", unknownProgram: "unknown_program"}

// codeTaken is the reason of an update that lost a code (§9 (11)).
const codeTaken = "code_taken"

// input is one record of the batch and what became of it.
type input struct {
	Verdict  verdict       `cbor:"1,keyasint"`
	OrgID    string        `cbor:"2,keyasint,omitempty"`
	MemberID string        `cbor:"3,keyasint,omitempty"`
	Update   member.Update `cbor:"4,keyasint"` // its place is set whatever the verdict
	Detail   string        `cbor:"5,keyasint,omitempty"`
	Original *original     `cbor:"6,keyasint,omitempty"` // of dead letters
	EventID  string        `cbor:"7,keyasint,omitempty"`
	Source   string        `cbor:"8,keyasint,omitempty"`
}

// original is a record as it came.
type original struct {
	Key     []byte   `cbor:"1,keyasint"`
	Value   []byte   `cbor:"2,keyasint"`
	Headers []header `cbor:"3,keyasint,omitempty"`
	EventID string   `cbor:"4,keyasint,omitempty"`
	Source  string   `cbor:"5,keyasint,omitempty"`
}

type header struct {
	Key   string `cbor:"1,keyasint"`
	Value []byte `cbor:"2,keyasint"`
}

func originalOf(rec *event.Record, e *event.Member) *original {
	o := &original{Key: rec.Key, Value: rec.Value, EventID: e.ID, Source: e.Source}
	for _, h := range rec.Headers {
		o.Headers = append(o.Headers, header{h.Key, h.Value})
	}
	return o
}

// at is the original as a dead letter carries it.
func (o *original) at(p pipeline.Position) *pipeline.Original {
	out := &pipeline.Original{Position: p, Key: o.Key, Value: o.Value}
	for _, h := range o.Headers {
		out.Headers = append(out.Headers, pipeline.MessageHeader{Key: h.Key, Value: h.Value})
	}
	return out
}

// set is one shared field to be written, or removed when Value is nil.
type set struct {
	Key   string `cbor:"1,keyasint"`
	Field string `cbor:"2,keyasint"`
	Value []byte `cbor:"3,keyasint"`
}

// facts are the whole batch, as the begin record keeps it.
type facts struct {
	Inputs []input `cbor:"1,keyasint"`
	Sets   []set   `cbor:"2,keyasint,omitempty"`
}

// record is what the journal keeps: the facts, and the updates that lost codes.
type record struct {
	Facts  facts  `cbor:"1,keyasint"`
	Losses []loss `cbor:"2,keyasint,omitempty"`
}

// loss is one update that lists codes of others, of this batch or of one before.
type loss struct {
	OrgID     string   `cbor:"1,keyasint"`
	MemberID  string   `cbor:"2,keyasint"`
	Partition int      `cbor:"3,keyasint"`
	Offset    int64    `cbor:"4,keyasint"`
	Detail    string   `cbor:"5,keyasint"`
	Original  original `cbor:"6,keyasint"`
}

// format is the first byte of facts and records: the version of their encoding.
const format = 1

func encode(v any) ([]byte, error) {
	b, err := codec.Marshal(v)
	if err != nil {
		return nil, err
	}
	return append([]byte{format}, b...), nil
}

func decode(b []byte, v any) error {
	if len(b) == 0 || b[0] != format {
		return fmt.Errorf("the encoding is not known to this release; run the release that wrote it, or a newer one")
	}
	return codec.Unmarshal(b[1:], v)
}
