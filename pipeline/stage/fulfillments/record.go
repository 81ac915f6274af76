package fulfillments

import (
	"fmt"

	"github.com/grapevinehq/grapevine/pipeline"
	"github.com/grapevinehq/grapevine/pipeline/codec"
	"github.com/grapevinehq/grapevine/pipeline/event"
)

// verdict is what became of an event. The numbers stand in Redis: they never
// change.
type verdict byte

const (
	stored         verdict = 1
	waiting        verdict = 2 // its reward is not known yet
	redelivered    verdict = 3
	invalid        verdict = 4
	unknownProgram verdict = 5
	unknownReward  verdict = 6 // it waited in vain
)

var names = [...]string{
	stored: "stored", waiting: "waiting", redelivered: "redelivered", invalid: "invalid", unknownProgram: "unknown_program", unknownReward: "unknown_reward",
}

// decision is a verdict on an event, and for a stored one its reward and how
// much of it the event is about.
type decision struct {
	Verdict verdict `cbor:"1,keyasint"`
	Reward  Reward  `cbor:"2,keyasint"`
	Amount  int64   `cbor:"3,keyasint,omitempty"`
}

// waiter is an event that waits, as it came.
type waiter struct {
	Offset  int64    `cbor:"1,keyasint"`
	Time    int64    `cbor:"2,keyasint"` // Kafka's, ms
	Key     []byte   `cbor:"3,keyasint"`
	Value   []byte   `cbor:"4,keyasint"`
	Headers []header `cbor:"5,keyasint,omitempty"`
}

type header struct {
	Key   string `cbor:"1,keyasint"`
	Value []byte `cbor:"2,keyasint"`
}

func waiterOf(rec *event.Record) waiter {
	w := waiter{Offset: rec.Offset, Time: rec.Time, Key: rec.Key, Value: rec.Value}
	for _, h := range rec.Headers {
		w.Headers = append(w.Headers, header{h.Key, h.Value})
	}
	return w
}

// record is the event as Kafka had it.
func (w *waiter) record() *event.Record {
	rec := &event.Record{Offset: w.Offset, Time: w.Time, Key: w.Key, Value: w.Value}
	for _, h := range w.Headers {
		rec.Headers = append(rec.Headers, event.Header{Key: h.Key, Value: h.Value})
	}
	return rec
}

func (w *waiter) original(p pipeline.Partition) *pipeline.Original {
	o := &pipeline.Original{Position: pipeline.Position{Topic: p.Topic, Partition: p.ID, Offset: w.Offset}, Key: w.Key, Value: w.Value}
	for _, h := range w.Headers {
		o.Headers = append(o.Headers, pipeline.MessageHeader{Key: h.Key, Value: h.Value})
	}
	return o
}

// ended is a wait that came to its end.
type ended struct {
	Waiter   waiter   `cbor:"1,keyasint"`
	Decision decision `cbor:"2,keyasint"`
}

// record is what the journal keeps beside the input itself.
type record struct {
	Decisions []decision `cbor:"1,keyasint"`           // one an input
	Ended     []ended    `cbor:"2,keyasint,omitempty"` // of those that waited
	Waiting   []waiter   `cbor:"3,keyasint,omitempty"` // who waits after the batch, if that changed
	Changed   bool       `cbor:"4,keyasint,omitempty"`
}

// format is the first byte of what is encoded: the version of the encoding.
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
