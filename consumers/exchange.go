package consumers

import (
	"fmt"
	"io"

	"github.com/segmentio/kafka-go/protocol"
)

// Four requests go over kafka-go's connections (its routing, TLS and SASL) but
// are written and read here, which kafka-go allows for by protocol.RawExchanger:
//
//   - Fetch, because kafka-go does not pass on the end of a batch, its timestamp
//     type or the size of a cut-off answer, and copies every record twice;
//   - Metadata of a version that tells topic ids, which kafka-go does not speak;
//   - Heartbeat, because kafka-go sends it to any broker instead of the group's
//     coordinator, and reads the error code where the throttle time stands, so
//     that it takes every refusal for an acknowledgement;
//   - ListOffsets for many partitions at once, which kafka-go sends one by one.

// Versions that are written and read here, and the Kafka that brought them.
const (
	fetchVersion       = 11 // Apache Kafka 2.3
	metadataVersion    = 10 // Apache Kafka 2.8
	listOffsetsVersion = 5  // Apache Kafka 2.2
	heartbeatVersion   = 2  // Apache Kafka 0.11
)

// maxAnswer bounds every answer but those of Fetch, in bytes.
const maxAnswer = 64 << 20

// exchange is what our own requests have in common: they always go their own
// way through kafka-go, and may be led to a broker of their choice.
type exchange struct {
	key     protocol.ApiKey
	version int16 // negotiated, where kafka-go knows of the API
}

func (e *exchange) ApiKey() protocol.ApiKey { return e.key }

func (e *exchange) Required(versions map[protocol.ApiKey]int16) bool {
	e.version = versions[e.key]
	return true
}

// needs reports a broker that is too old.
func (e *exchange) needs(version int16, since string) error {
	if e.version < version {
		return fmt.Errorf("the broker speaks %s up to version %d, needed is %d: use Apache Kafka %s or newer", e.key, e.version, version, since)
	}
	return nil
}

// leaderOf finds the broker to ask about a partition.
func leaderOf(cluster protocol.Cluster, topic string, partition int32) (protocol.Broker, error) {
	p, ok := cluster.Topics[topic].Partitions[partition]
	if !ok {
		return protocol.Broker{}, protocol.NewErrNoPartition(topic, partition)
	}
	broker, ok := cluster.Brokers[p.Leader]
	if !ok {
		return protocol.Broker{}, protocol.NewErrNoLeader(topic, partition)
	}
	return broker, nil
}

var (
	_ protocol.RawExchanger  = (*fetchRequest)(nil)
	_ protocol.BrokerMessage = (*fetchRequest)(nil)
	_ protocol.RawExchanger  = (*topicsRequest)(nil)
	_ protocol.RawExchanger  = (*heartbeatRequest)(nil)
	_ protocol.GroupMessage  = (*heartbeatRequest)(nil)
	_ protocol.RawExchanger  = (*offsetsRequest)(nil)
	_ protocol.BrokerMessage = (*offsetsRequest)(nil)
	_ io.ReadWriter          = (*protocol.Conn)(nil)
)
