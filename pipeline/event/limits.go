package event

import "time"

// MaxValueBytes is the size of the largest value that is taken (§2, §9 (2)).
const MaxValueBytes = 1 << 20

// MaxHeaders is how many headers a record may have. Key and headers together may be
// as large as the value: they lie in memory beside it, and in a dead letter.
const MaxHeaders = 1 << 12

// The sizes, in bytes, of single fields. Ids travel on: escaped in the ids of
// published events, as keys of records and in Redis. A bound keeps everything
// that comes of an event within what Kafka takes. Fields that are only stored
// have no bound but that of the whole value.
const (
	// MaxIDBytes bounds ids, codes, keys and what is like them.
	MaxIDBytes = 4 << 10
	// MaxTextBytes bounds texts that are published again: names and reasons.
	MaxTextBytes = 64 << 10
)

// maxInternalBytes is the size of the largest value of the internal topic: a
// record of it may be a little larger than the event that it comes of.
const maxInternalBytes = 2 << 20

// Limits are the settings that decoding goes by.
type Limits struct {
	// MaxFutureSkew is how far an event's time may lie ahead of its Kafka
	// timestamp (§2, max_future_skew).
	MaxFutureSkew time.Duration
	// internal marks what Grapevine wrote itself: its times were checked when the
	// events came that it follows from, and its ids are made of several of theirs.
	internal bool
}

// maxValue is the size of the largest value that is taken.
func (l Limits) maxValue() int {
	if l.internal {
		return maxInternalBytes
	}
	return MaxValueBytes
}

// DefaultLimits are the contract's.
var DefaultLimits = Limits{MaxFutureSkew: 10 * time.Minute}
