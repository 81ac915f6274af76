package credits

import (
	"fmt"
	"slices"

	"github.com/grapevinehq/grapevine/pipeline/archive"
	"github.com/grapevinehq/grapevine/pipeline/codec"
	"github.com/grapevinehq/grapevine/pipeline/reward"
)

// The first byte of a record is the version of its encoding. Records since
// recordFirst are carried out too: they only lack what came later.
const (
	recordFormat = 3
	recordFirst  = 1
)

// record is what a batch decided, as the journal keeps it. Reward events stand
// in it as they are published, byte for byte, so that another release that
// carries the record out publishes the same.
type record struct {
	Verdicts []byte     `cbor:"1,keyasint"` // one for each record of the batch
	Rewards  []happened `cbor:"2,keyasint,omitempty"`
	Letters  []letter   `cbor:"3,keyasint,omitempty"`
	Passages []passage  `cbor:"4,keyasint,omitempty"`
	// Moves are values that go from the hot memory to the archive.
	Moves archive.Moves `cbor:"5,keyasint"`
	// Gives are what budgets get back when all the rest is carried out.
	Gives []reward.Give `cbor:"6,keyasint,omitempty"`
}

// happened is one reward event, and the record that caused it.
type happened struct {
	Index int          `cbor:"1,keyasint"` // -1: it came by the clock
	Event reward.Event `cbor:"2,keyasint"`
	Value []byte       `cbor:"3,keyasint"`
}

// passage is a segment entered or left, and the record that caused it.
type passage struct {
	Index   int            `cbor:"1,keyasint"`
	Passage reward.Passage `cbor:"2,keyasint"`
	Value   []byte         `cbor:"3,keyasint"`
}

// letter is a record that could not be read.
type letter struct {
	Index  int    `cbor:"1,keyasint"`
	Detail string `cbor:"2,keyasint"`
}

func (r *record) encode() ([]byte, error) {
	b, err := codec.MarshalVersion(recordFormat, r)
	if err != nil {
		return nil, fmt.Errorf("encode the record of %d inputs: %w", len(r.Verdicts), err)
	}
	return b, nil
}

// decode reads a record of a batch of n input records.
func (r *record) decode(data []byte, n int) error {
	if len(data) == 0 || data[0] < recordFirst || data[0] > recordFormat {
		return fmt.Errorf("the record's encoding is not known to this release; run the release that wrote it, or a newer one")
	}
	*r = record{}
	if err := codec.Unmarshal(data[1:], r); err != nil {
		return fmt.Errorf("decode the record: %w", err)
	}
	if len(r.Verdicts) != n {
		return fmt.Errorf("the record has verdicts on %d records, the batch has %d: was the topic compacted or made anew?", len(r.Verdicts), n)
	}
	return r.check(n)
}

// check makes sure that a record names inputs that the batch has.
func (r *record) check(n int) error {
	named := func(index, least int) error {
		if index < least || index >= n {
			return fmt.Errorf("the record names input %d of %d", index, n)
		}
		return nil
	}
	for i := range r.Rewards {
		if err := named(r.Rewards[i].Index, clock); err != nil {
			return err
		}
	}
	for i := range r.Passages {
		if err := named(r.Passages[i].Index, clock); err != nil {
			return err
		}
	}
	for i := range r.Letters {
		if err := named(r.Letters[i].Index, 0); err != nil {
			return err
		}
	}
	return nil
}

// grow makes room for what inputs made.
func (r *record) grow(tasks []*task) {
	n := 0
	for _, t := range tasks {
		n += len(t.taking.Events)
	}
	r.Rewards = slices.Grow(r.Rewards, n)
}

// add renders what an input made.
func (r *record) add(t *task) error {
	if t.known {
		return nil
	}
	for i := range t.taking.Events {
		e := &t.taking.Events[i]
		value, err := encodeReward(e)
		if err != nil {
			return err
		}
		r.Rewards = append(r.Rewards, happened{Index: t.index, Event: *e, Value: value})
	}
	for i := range t.taking.Passages {
		p := &t.taking.Passages[i]
		value, err := encodePassage(p)
		if err != nil {
			return err
		}
		r.Passages = append(r.Passages, passage{Index: t.index, Passage: *p, Value: value})
	}
	return nil
}
