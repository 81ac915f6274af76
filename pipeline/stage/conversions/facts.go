package conversions

import (
	"bytes"
	"fmt"

	"github.com/grapevinehq/grapevine/pipeline/attribution"
)

// facts are all that a batch is decided by beside its records and the
// configuration. They are journalled before the first claim is sent, so that
// whoever takes the batch over decides the same. Maps go by name (see there).
type facts struct {
	Redelivered map[int]bool                   `cbor:"1,keyasint,omitempty"` // by index
	Customers   map[string]*customer           `cbor:"2,keyasint,omitempty"` // org, customer
	Standings   map[string]*standing           `cbor:"3,keyasint,omitempty"` // org, program, customer
	Conversions map[string]*conversion         `cbor:"4,keyasint,omitempty"` // org, program, conversion_id
	Waiting     map[string][]waiting           `cbor:"5,keyasint,omitempty"` // org, program, conversion_id
	Elsewhere   map[string]Stored              `cbor:"6,keyasint,omitempty"` // org, program, conversion_id
	Visitors    map[string][]attribution.Touch `cbor:"7,keyasint,omitempty"` // org, program, visitor
	Clicks      map[string][]attribution.Touch `cbor:"8,keyasint,omitempty"` // org, program, click_id
	Members     map[string]Member              `cbor:"9,keyasint,omitempty"` // org, member, time
	// TimedOut: the barrier was left by attribution_max_wait, so that clicks and
	// members may be missing.
	TimedOut bool              `cbor:"11,keyasint,omitempty"`
	Pending  []pending         `cbor:"12,keyasint,omitempty"`
	Hours    []int64           `cbor:"13,keyasint,omitempty"` // that have lists of waiting adjustments
	Expiring []expiry          `cbor:"14,keyasint,omitempty"` // those whose time is up in this batch
	Takings  map[string]taking `cbor:"15,keyasint,omitempty"` // by identity, of events that wait or waited in vain
	Coupons  map[string]string `cbor:"10,keyasint,omitempty"` // org, code, time
	Stats    map[string]Stats  `cbor:"16,keyasint,omitempty"` // org, member; of those that rules look at
	// Seen is how far other topics were sure to be known.
	Seen seen `cbor:"17,keyasint,omitempty"`
	// Recorded are dead letters that came again though the books have them, by index.
	Recorded map[int]bool `cbor:"18,keyasint,omitempty"`
}

// seen names, by partition, the last batch that was complete when the barrier
// opened. The books keep it: who runs the history again lets conversions see what
// they saw.
type seen struct {
	Clicks  []uint64 `cbor:"1,keyasint,omitempty"`
	Members []uint64 `cbor:"2,keyasint,omitempty"`
}

// init makes the maps, so that they can be written to.
func (f *facts) init() {
	if f.Redelivered == nil {
		f.Redelivered = make(map[int]bool)
	}
	if f.Customers == nil {
		f.Customers = make(map[string]*customer)
	}
	if f.Standings == nil {
		f.Standings = make(map[string]*standing)
	}
	if f.Conversions == nil {
		f.Conversions = make(map[string]*conversion)
	}
	if f.Waiting == nil {
		f.Waiting = make(map[string][]waiting)
	}
	if f.Elsewhere == nil {
		f.Elsewhere = make(map[string]Stored)
	}
	if f.Visitors == nil {
		f.Visitors = make(map[string][]attribution.Touch)
	}
	if f.Clicks == nil {
		f.Clicks = make(map[string][]attribution.Touch)
	}
	if f.Members == nil {
		f.Members = make(map[string]Member)
	}
	if f.Coupons == nil {
		f.Coupons = make(map[string]string)
	}
	if f.Stats == nil {
		f.Stats = make(map[string]Stats)
	}
	if f.Takings == nil {
		f.Takings = make(map[string]taking)
	}
}

// Facts encodes what LookUp found. It is never nil: every batch of the stage
// claims, be it nothing, so that a shard that lost its claims is noticed.
func (k *work) Facts() ([]byte, error) {
	b, err := encode(&k.facts)
	if err != nil {
		return nil, fmt.Errorf("encode the facts of %d conversions: %w", len(k.records), err)
	}
	k.begun = b
	return b, nil
}

// TakeFacts replaces what LookUp found, unless it is the same.
func (k *work) TakeFacts(b []byte) error {
	if k.begun != nil && bytes.Equal(b, k.begun) {
		return nil
	}
	k.facts, k.begun = facts{}, nil
	if err := decode(b, &k.facts); err != nil {
		return fmt.Errorf("read the facts of batch %d: %w", k.bounds.Number, err)
	}
	k.facts.init()
	return nil
}
