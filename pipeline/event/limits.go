package event

import "time"

// MaxValueBytes is the size of the largest value that is taken (§2, §9 (2)).
const MaxValueBytes = 1 << 20

// Limits are the settings that decoding goes by.
type Limits struct {
	// MaxFutureSkew is how far an event's time may lie ahead of its Kafka
	// timestamp (§2, max_future_skew).
	MaxFutureSkew time.Duration
}

// DefaultLimits are the contract's.
var DefaultLimits = Limits{MaxFutureSkew: 10 * time.Minute}
