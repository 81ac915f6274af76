package consumers

import (
	"context"
	"crypto/tls"
	"fmt"
	"net"
	"time"

	"github.com/segmentio/kafka-go"
	"github.com/segmentio/kafka-go/protocol"
	"github.com/segmentio/kafka-go/protocol/metadata"
)

// metadataAge bounds how long a moved leader goes unnoticed.
const metadataAge = time.Second

// Cluster is a Kafka cluster and the connections to it that everything in this
// package shares. Its methods may be called from several goroutines.
type Cluster struct {
	options   Options
	addr      net.Addr
	transport *kafka.Transport
	client    *kafka.Client
	dialer    *kafka.Dialer
}

// Open checks the options and readies the connections. It does not connect yet:
// a Kafka that is away shows at the first call.
func Open(o Options) (*Cluster, error) {
	o, err := o.withDefaults()
	if err != nil {
		return nil, err
	}
	mechanism, err := o.SASL.mechanism()
	if err != nil {
		return nil, err
	}
	if o.TLS != nil && o.TLS.MinVersion == 0 {
		o.TLS = o.TLS.Clone()
		o.TLS.MinVersion = tls.VersionTLS12
	}
	transport := &kafka.Transport{
		ClientID:       o.ClientID,
		TLS:            o.TLS,
		SASL:           mechanism,
		MetadataTTL:    metadataAge,
		MetadataTopics: o.Names.all(allTopics()),
	}
	addr := kafka.TCP(o.Brokers...)
	return &Cluster{
		options:   o,
		addr:      addr,
		transport: transport,
		client:    &kafka.Client{Addr: addr, Timeout: o.RequestTimeout, Transport: transport},
		dialer:    &kafka.Dialer{ClientID: o.ClientID, Timeout: o.RequestTimeout, DualStack: true, TLS: o.TLS, SASLMechanism: mechanism},
	}, nil
}

// Close closes the connections. What still uses them fails.
func (c *Cluster) Close() { c.transport.CloseIdleConnections() }

// Names tells how topics are called in this cluster.
func (c *Cluster) Names() Names { return c.options.Names }

// roundTrip sends a request and waits for its answer, for the time that the
// broker may take on purpose and the request timeout.
func (c *Cluster) roundTrip(ctx context.Context, request protocol.Message, wait time.Duration) (protocol.Message, error) {
	ctx, cancel := context.WithTimeout(ctx, wait+c.options.RequestTimeout)
	defer cancel()
	return c.transport.RoundTrip(ctx, c.addr, request)
}

// leaders tells the leader of every partition of the topics, by their names in
// Kafka, from metadata at most about a second old.
func (c *Cluster) leaders(ctx context.Context, topics []string) (map[string][]int32, error) {
	answer, err := c.roundTrip(ctx, &metadata.Request{TopicNames: topics}, 0)
	if err != nil {
		return nil, fmt.Errorf("ask Kafka for the partitions of %v: %w", topics, err)
	}
	leaders := make(map[string][]int32, len(topics))
	for _, topic := range answer.(*metadata.Response).Topics {
		if topic.ErrorCode != 0 {
			return nil, fmt.Errorf("ask Kafka for the partitions of %s: %w", topic.Name, kafka.Error(topic.ErrorCode))
		}
		of := make([]int32, len(topic.Partitions))
		for _, partition := range topic.Partitions {
			if int(partition.PartitionIndex) < len(of) {
				of[partition.PartitionIndex] = partition.LeaderID
			}
		}
		leaders[topic.Name] = of
	}
	return leaders, nil
}
