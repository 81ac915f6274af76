package consumers

import (
	"context"
	"encoding/hex"
	"fmt"
	"io"
	"slices"

	"github.com/segmentio/kafka-go"
	"github.com/segmentio/kafka-go/protocol"
)

// Topic is a topic as Kafka has it now.
type Topic struct {
	Name        string // in Kafka
	Incarnation string // Kafka's topic id in hex: a topic made anew under the same name has another
	Partitions  int
	leaderless  int
}

// Describe asks Kafka for topics by their names in Kafka; topics that do not
// exist are left out. The answer is fresh, not from a cache.
func (c *Cluster) Describe(ctx context.Context, topics ...string) (map[string]Topic, error) {
	answer, err := c.roundTrip(ctx, newTopicsRequest(c.options.ClientID, topics), 0)
	if err != nil {
		return nil, fmt.Errorf("ask Kafka for the topics %v: %w", topics, err)
	}
	described := make(map[string]Topic, len(topics))
	for _, topic := range answer.(*topicsResponse).topics {
		switch topic.code {
		case 0:
			described[topic.Name] = topic.Topic
		case int16(kafka.UnknownTopicOrPartition):
		default:
			return nil, fmt.Errorf("ask Kafka for the topic %s: %w", topic.Name, kafka.Error(topic.code))
		}
	}
	return described, nil
}

// topicsRequest asks any broker for the ids of topics.
type topicsRequest struct {
	exchange
	clientID string
	topics   []string
}

func newTopicsRequest(clientID string, topics []string) *topicsRequest {
	return &topicsRequest{exchange: exchange{key: protocol.Metadata}, clientID: clientID, topics: slices.Clone(topics)}
}

type topicsResponse struct{ topics []describedTopic }

type describedTopic struct {
	Topic
	code int16
}

func (*topicsResponse) ApiKey() protocol.ApiKey { return protocol.Metadata }

// RawExchange speaks a version that has topic ids. kafka-go knows older ones
// only, so the broker's own limit shows in its answer.
func (r *topicsRequest) RawExchange(rw io.ReadWriter) (protocol.Message, error) {
	f := newFrame(int16(protocol.Metadata), metadataVersion, r.clientID).uvarint(0).uvarint(uint64(len(r.topics)) + 1)
	for _, topic := range r.topics {
		f = append(f, make([]byte, 16)...) // no id: by name
		f = f.compact(topic).uvarint(0)
	}
	const no = 0
	if err := f.int8(no).int8(no).int8(no).uvarint(0).send(rw); err != nil { // neither create them nor tell who may use them
		return nil, err
	}
	a, err := receive(rw, maxAnswer)
	if err != nil {
		return nil, fmt.Errorf("topic ids (they need Apache Kafka 2.8 or newer): %w", err)
	}
	return readTopics(&a)
}

func readTopics(a *answer) (*topicsResponse, error) {
	a.tags()
	a.int32()                                // throttled
	for n := a.compactCount(8); n > 0; n-- { // brokers
		a.int32()
		a.compact()
		a.int32()
		a.compact()
		a.tags()
	}
	a.compact() // cluster id
	a.int32()   // controller
	r := &topicsResponse{}
	for n := a.compactCount(20); n > 0 && a.err == nil; n-- {
		r.topics = append(r.topics, readTopic(a))
	}
	return r, a.err
}

func readTopic(a *answer) (t describedTopic) {
	t.code = a.int16()
	t.Name = a.compact()
	t.Incarnation = hex.EncodeToString(a.bytes(16))
	a.bytes(1) // internal
	t.Partitions = a.compactCount(12)
	for range t.Partitions {
		code := a.int16()
		a.int32() // index
		leader := a.int32()
		a.int32() // epoch
		for range 3 {
			a.bytes(4 * a.compactCount(4)) // replicas: all, in sync, offline
		}
		a.tags()
		if code != 0 || leader < 0 {
			t.leaderless++
		}
	}
	a.int32() // authorized operations
	a.tags()
	return t
}
