package consumers

import (
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/segmentio/kafka-go/sasl"
	"github.com/segmentio/kafka-go/sasl/plain"
	"github.com/segmentio/kafka-go/sasl/scram"
)

// Defaults of [Options].
const (
	DefaultSessionTimeout   = 6 * time.Second
	DefaultRebalanceTimeout = 10 * time.Second
	DefaultHeartbeat        = 300 * time.Millisecond
	DefaultRequestTimeout   = 5 * time.Second
	DefaultGrace            = 30 * time.Second

	// MaxHeartbeat is the longest allowed time between two heartbeats: a worker
	// that lost its partitions learns of it within that time.
	MaxHeartbeat = 500 * time.Millisecond
)

// Options say how to reach Kafka and how to behave as a member of the group.
type Options struct {
	Brokers  []string // host:port, one at least
	ClientID string   // shown in the broker's logs and metrics; default "grapevine"
	Group    string   // the consumer group
	Names    Names    // how topics are called in Kafka
	TLS      *tls.Config
	SASL     SASL

	SessionTimeout   time.Duration // the group drops a member that was silent for so long; default 6s
	RebalanceTimeout time.Duration // how long a rebalance waits for a member; at least SessionTimeout, default 10s
	Heartbeat        time.Duration // at most 500ms, default 300ms
	RequestTimeout   time.Duration // of one request beyond the time that it may wait; default 5s
	Grace            time.Duration // for handlers to finish their batch when the worker stops; default 30s

	Log *slog.Logger
}

// SASL is how to authenticate. An empty Mechanism means not at all.
type SASL struct {
	Mechanism string // PLAIN, SCRAM-SHA-256 or SCRAM-SHA-512
	Username  string
	Password  string
}

func (s SASL) mechanism() (sasl.Mechanism, error) {
	switch s.Mechanism {
	case "":
		return nil, nil
	case "PLAIN":
		return plain.Mechanism{Username: s.Username, Password: s.Password}, nil
	case "SCRAM-SHA-256":
		return scram.Mechanism(scram.SHA256, s.Username, s.Password)
	case "SCRAM-SHA-512":
		return scram.Mechanism(scram.SHA512, s.Username, s.Password)
	}
	return nil, fmt.Errorf("kafka.sasl.mechanism %q is unknown: use PLAIN, SCRAM-SHA-256 or SCRAM-SHA-512", s.Mechanism)
}

// withDefaults fills in what was left out, and reports everything that cannot work.
func (o Options) withDefaults() (Options, error) {
	defaultTo(&o.ClientID, "grapevine")
	defaultTo(&o.SessionTimeout, DefaultSessionTimeout)
	defaultTo(&o.RebalanceTimeout, max(DefaultRebalanceTimeout, o.SessionTimeout))
	defaultTo(&o.Heartbeat, DefaultHeartbeat)
	defaultTo(&o.RequestTimeout, DefaultRequestTimeout)
	defaultTo(&o.Grace, DefaultGrace)
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	return o, o.problems()
}

func (o Options) problems() error {
	var problems []error
	refuse := func(wrong bool, format string, args ...any) {
		if wrong {
			problems = append(problems, fmt.Errorf(format, args...))
		}
	}
	refuse(len(o.Brokers) == 0, "kafka.brokers is empty: name one broker at least, as host:port")
	refuse(o.Heartbeat < 0 || o.Heartbeat > MaxHeartbeat, "kafka heartbeat %s: it must be at most %s", o.Heartbeat, MaxHeartbeat)
	refuse(o.SessionTimeout < 4*o.Heartbeat, "kafka session timeout %s: it must be at least four heartbeats of %s", o.SessionTimeout, o.Heartbeat)
	refuse(o.SessionTimeout < minSession, "kafka session timeout %s: it must be at least %s, so that a lease can end before it", o.SessionTimeout, minSession)
	refuse(o.RebalanceTimeout < o.SessionTimeout, "kafka rebalance timeout %s: it must be at least the session timeout of %s, or a lease could outlive its partition", o.RebalanceTimeout, o.SessionTimeout)
	return errors.Join(problems...)
}

func defaultTo[T comparable](value *T, fallback T) {
	var zero T
	if *value == zero {
		*value = fallback
	}
}
