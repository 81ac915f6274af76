package conversions

import (
	"errors"
	"fmt"
	"math"
	"slices"

	"github.com/grapevinehq/grapevine/pipeline/attribution"
	"github.com/grapevinehq/grapevine/pipeline/codec"
	"github.com/grapevinehq/grapevine/pipeline/event"
	"github.com/grapevinehq/grapevine/pipeline/money"
)

// customer is what is remembered of a customer in an org.
type customer struct {
	Visitors []string `cbor:"1,keyasint"` // linked, in the order of the partition
}

// link adds a visitor, and tells whether it is new.
func (c *customer) link(visitor string) bool {
	if visitor == "" || slices.Contains(c.Visitors, visitor) {
		return false
	}
	c.Visitors = append(c.Visitors, visitor)
	return true
}

// standing is what is remembered of a customer in a program.
type standing struct {
	Binding *attribution.Binding `cbor:"1,keyasint,omitempty"`
	// Counted says how many of the customer's conversions count now, by kind.
	Counted map[event.Kind]int64 `cbor:"2,keyasint,omitempty"`
}

// count adds n conversions of a kind.
func (s *standing) count(kind event.Kind, n int64) {
	if s.Counted == nil {
		s.Counted = make(map[event.Kind]int64)
	}
	s.Counted[kind] += n
	if s.Counted[kind] == 0 {
		delete(s.Counted, kind)
	}
}

// conversion is what an adjustment must know of a counted conversion.
type conversion struct {
	CustomerID string        `cbor:"1,keyasint"`
	Kind       event.Kind    `cbor:"2,keyasint"`
	Name       string        `cbor:"3,keyasint,omitempty"`
	Time       int64         `cbor:"4,keyasint"`
	Day        int32         `cbor:"5,keyasint"` // in the program's zone, days since the epoch
	Currency   string        `cbor:"6,keyasint"` // the program's
	Rate       money.Rate    `cbor:"7,keyasint"` // zero numerator: there was none, and none was needed
	Net        int64         `cbor:"8,keyasint"` // in minor units of Rate.From
	Amount     int64         `cbor:"9,keyasint"` // at decision, in the program's currency
	NetMinor   int64         `cbor:"10,keyasint"`
	Counts     bool          `cbor:"11,keyasint,omitempty"`
	Cancelled  bool          `cbor:"12,keyasint,omitempty"`
	Applied    int64         `cbor:"13,keyasint,omitempty"` // adjustments so far
	Shares     []int64       `cbor:"14,keyasint,omitempty"`
	Parties    []beneficiary `cbor:"15,keyasint,omitempty"`
}

// beneficiary is somebody whose rewards the conversion concerns.
type beneficiary struct {
	ID     string     `cbor:"1,keyasint"`
	Role   event.Role `cbor:"2,keyasint"`
	Index  int        `cbor:"3,keyasint"` // of Shares; -1 for the referee
	Locale string     `cbor:"4,keyasint,omitempty"`
	Rules  []string   `cbor:"5,keyasint,omitempty"`
}

// change is what an adjustment does to its conversion.
type change struct {
	Minor    int64 // signed, in the program's currency
	Original int64 // signed, in the conversion's currency
	Counts   bool  // after it
}

// adjust applies an adjustment (§4, §9 (16), (17)): the net amount moves in the
// conversion's currency and is converted anew, so that nothing drifts. A
// conversion that never had a positive amount goes on counting with nothing
// left; one whose amount is used up does not, until a correction raises it. On
// an error nothing has changed.
func (c *conversion) adjust(a *event.Adjustment) (change, error) {
	net, cancelled := c.Net, c.Cancelled || a.Kind == event.Cancel
	switch {
	case cancelled:
		net = 0
	case a.Kind == event.Correction:
		if a.AmountMinor > math.MaxInt64-net {
			return change{}, fmt.Errorf("correct %d by %d: %w", net, a.AmountMinor, money.ErrOverflow)
		}
		net = max(0, net+a.AmountMinor)
	case a.HasAmount:
		net -= min(net, a.AmountMinor)
	default:
		net = 0
	}
	minor, err := c.inProgram(net)
	if err != nil {
		return change{}, err
	}
	counts := c.Counts
	switch {
	case cancelled, net == 0 && c.Net > 0:
		counts = false
	case net > 0:
		counts = true
	}
	moved := change{Minor: minor - c.NetMinor, Original: net - c.Net, Counts: counts}
	c.Net, c.NetMinor, c.Counts, c.Cancelled = net, minor, counts, cancelled
	c.Applied++
	return moved, nil
}

// inProgram converts an amount of the conversion's currency; 0 needs no rate.
func (c *conversion) inProgram(amount int64) (int64, error) {
	if amount == 0 {
		return 0, nil
	}
	if c.Rate.Numerator == 0 {
		return 0, fmt.Errorf("%w from %s to %s at the conversion's time", money.ErrNoRate, c.Rate.From, c.Currency)
	}
	return c.Rate.Convert(amount)
}

// version stands before everything that this package encodes.
const version = 1

var errVersion = errors.New("written by another release: run that one, or a newer one")

// encode writes a value behind the version.
func encode(v any) ([]byte, error) { return codec.MarshalVersion(version, v) }

// decode reads what encode wrote.
func decode(b []byte, v any) error {
	if len(b) == 0 || b[0] != version {
		return errVersion
	}
	return codec.Unmarshal(b[1:], v)
}
