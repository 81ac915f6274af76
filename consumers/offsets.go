package consumers

import (
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/segmentio/kafka-go"
	"github.com/segmentio/kafka-go/protocol"
	"github.com/segmentio/kafka-go/protocol/listoffsets"
)

// topicPartition names a partition by its topic's name in Kafka.
type topicPartition struct {
	topic     string
	partition int
}

// Which end of a partition's log to ask for.
const (
	logEnd   = kafka.LastOffset  // the last stable offset: transactions still open do not count
	logStart = kafka.FirstOffset // the earliest offset that Kafka still has
)

// settleWithin is how long leaders may take to settle: topics that somebody has
// just made, a broker that went away, and what our connections know of either.
const settleWithin = 15 * time.Second

// settled asks, and again while a broker answers that it does not lead, or does not
// coordinate the group (yet, or any more).
func settled[A any](ctx context.Context, ask func() (A, error)) (A, error) {
	bounded, cancel := context.WithTimeout(ctx, settleWithin)
	defer cancel()
	retry := backoff{first: 10 * time.Millisecond, most: 200 * time.Millisecond}
	for {
		answer, err := ask()
		var code kafka.Error
		if err == nil || !errors.As(err, &code) || !code.Temporary() || retry.wait(bounded) != nil {
			return answer, err
		}
	}
}

// logOffsets asks the leaders for one end of the logs.
func (c *Cluster) logOffsets(ctx context.Context, partitions []topicPartition, end int64) (map[topicPartition]int64, error) {
	return settled(ctx, func() (map[topicPartition]int64, error) { return c.askOffsets(ctx, partitions, end) })
}

// askOffsets asks once: one request a broker.
func (c *Cluster) askOffsets(ctx context.Context, partitions []topicPartition, end int64) (map[topicPartition]int64, error) {
	requests, err := c.byLeader(ctx, partitions, end)
	if err != nil {
		return nil, err
	}
	offsets := make(map[topicPartition]int64, len(partitions))
	for _, request := range requests {
		answer, err := c.roundTrip(ctx, request, 0)
		if err != nil {
			return nil, fmt.Errorf("ask Kafka for the ends of %d partitions: %w", len(partitions), err)
		}
		for _, topic := range answer.(*listoffsets.Response).Topics {
			for _, p := range topic.Partitions {
				if p.ErrorCode != 0 {
					return nil, fmt.Errorf("ask Kafka for the end of %s/%d: %w", topic.Topic, p.Partition, kafka.Error(p.ErrorCode))
				}
				offsets[topicPartition{topic.Topic, int(p.Partition)}] = p.Offset
			}
		}
	}
	if len(offsets) < len(partitions) {
		return nil, fmt.Errorf("ask Kafka for the ends of %d partitions: it answered for %d", len(partitions), len(offsets))
	}
	return offsets, nil
}

// byLeader groups partitions into one request for each leading broker.
func (c *Cluster) byLeader(ctx context.Context, partitions []topicPartition, end int64) (map[int32]*offsetsRequest, error) {
	leaders, err := c.leaders(ctx, topicsOf(partitions))
	if err != nil {
		return nil, err
	}
	requests := make(map[int32]*offsetsRequest)
	for _, p := range partitions {
		of := leaders[p.topic]
		if p.partition >= len(of) {
			return nil, fmt.Errorf("ask Kafka for the end of %s/%d: %w", p.topic, p.partition, kafka.UnknownTopicOrPartition)
		}
		request := requests[of[p.partition]]
		if request == nil {
			request = newOffsetsRequest(c.options.ClientID)
			requests[of[p.partition]] = request
		}
		request.add(p, end)
	}
	return requests, nil
}

func topicsOf(partitions []topicPartition) []string {
	var topics []string
	seen := make(map[string]bool)
	for _, p := range partitions {
		if !seen[p.topic] {
			seen[p.topic] = true
			topics = append(topics, p.topic)
		}
	}
	return topics
}

// offsetsRequest is kafka-go's, but for many partitions of one leader at once.
type offsetsRequest struct {
	exchange
	clientID string
	inner    listoffsets.Request
}

func newOffsetsRequest(clientID string) *offsetsRequest {
	const consumer, readCommitted = -1, 1
	return &offsetsRequest{
		exchange: exchange{key: protocol.ListOffsets},
		clientID: clientID,
		inner:    listoffsets.Request{ReplicaID: consumer, IsolationLevel: readCommitted},
	}
}

func (r *offsetsRequest) add(p topicPartition, end int64) {
	asked := listoffsets.RequestPartition{Partition: int32(p.partition), CurrentLeaderEpoch: -1, Timestamp: end}
	for i := range r.inner.Topics {
		if topic := &r.inner.Topics[i]; topic.Topic == p.topic {
			topic.Partitions = append(topic.Partitions, asked)
			return
		}
	}
	r.inner.Topics = append(r.inner.Topics, listoffsets.RequestTopic{Topic: p.topic, Partitions: []listoffsets.RequestPartition{asked}})
}

func (r *offsetsRequest) Broker(cluster protocol.Cluster) (protocol.Broker, error) {
	first := r.inner.Topics[0]
	return leaderOf(cluster, first.Topic, first.Partitions[0].Partition)
}

func (r *offsetsRequest) RawExchange(rw io.ReadWriter) (protocol.Message, error) {
	if err := r.needs(listOffsetsVersion, "2.2"); err != nil {
		return nil, err
	}
	return protocol.RoundTrip(rw, listOffsetsVersion, correlation, r.clientID, &r.inner)
}

// Commit is what the group committed for a partition.
type Commit struct {
	Offset   int64 // -1 when there is none
	Metadata string
}

// committed asks for the group's commits of partitions: one request.
func (c *Cluster) committed(ctx context.Context, partitions []topicPartition) (map[topicPartition]Commit, error) {
	request := &kafka.OffsetFetchRequest{GroupID: c.options.Group, Topics: make(map[string][]int)}
	for _, p := range partitions {
		request.Topics[p.topic] = append(request.Topics[p.topic], p.partition)
	}
	ctx, cancel := context.WithTimeout(ctx, c.options.RequestTimeout)
	defer cancel()
	answer, err := c.client.OffsetFetch(ctx, request)
	if err == nil {
		err = answer.Error
	}
	commits := make(map[topicPartition]Commit, len(partitions))
	if errors.Is(err, kafka.GroupIdNotFound) { // some brokers say so of a group that nobody ever joined
		for _, p := range partitions {
			commits[p] = Commit{Offset: -1}
		}
		return commits, nil
	}
	if err != nil {
		return nil, fmt.Errorf("ask Kafka for the commits of group %s: %w", c.options.Group, err)
	}
	for topic, answered := range answer.Topics {
		for _, p := range answered {
			if p.Error != nil {
				return nil, fmt.Errorf("ask Kafka for the commit of group %s on %s/%d: %w", c.options.Group, topic, p.Partition, p.Error)
			}
			commits[topicPartition{topic, p.Partition}] = Commit{Offset: p.CommittedOffset, Metadata: p.Metadata}
		}
	}
	return commits, nil
}

// moved tells whether an error may pass by asking again, at another broker perhaps.
func moved(err error) bool {
	var code kafka.Error
	if !errors.As(err, &code) {
		return true // a connection that broke, a broker or leader that is not known yet
	}
	return code.Temporary() || code == kafka.Unknown
}
