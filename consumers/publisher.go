package consumers

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"github.com/segmentio/kafka-go"
	"github.com/segmentio/kafka-go/protocol"

	"github.com/grapevinehq/grapevine/pipeline"
)

// maxProduce bounds one produce request, in bytes of its messages: it stays under
// the default limit of a broker for a batch (1 MiB). A message that is larger
// goes alone.
const maxProduce = 900 << 10

// messageOverhead is added to a message's bytes for lengths and offsets.
const messageOverhead = 32

// Publisher writes messages, acknowledged by all replicas. Its methods may be
// called from several goroutines.
type Publisher struct {
	cluster      *Cluster
	acknowledged atomic.Uint64
	keyless      atomic.Uint32
}

var _ pipeline.Publisher = (*Publisher)(nil)

// NewPublisher makes a publisher over the cluster's connections.
func NewPublisher(cluster *Cluster) *Publisher { return &Publisher{cluster: cluster} }

// Acknowledged counts the messages that Kafka has acknowledged, repeated ones too.
func (p *Publisher) Acknowledged() uint64 { return p.acknowledged.Load() }

// Publish returns when every message is acknowledged by all replicas that are in
// sync. Keys go to partitions as Java's producer sends them (murmur2). Messages
// of one key are written in the order given: a partition has one request on its
// way at a time, and a failed one is repeated before the next is sent. So a
// message may be written twice, but not after a later one of its key (unless a
// broker carries out a request long after its connection broke).
//
// It tries again until ctx ends, but for messages that Kafka will never take.
func (p *Publisher) Publish(ctx context.Context, messages []pipeline.Message) error {
	if len(messages) == 0 {
		return nil
	}
	queues, err := p.queues(ctx, messages)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	var sending sync.WaitGroup
	for to, queue := range queues {
		sending.Go(func() {
			if err := p.sendAll(ctx, to, queue); err != nil {
				cancel(err)
			}
		})
	}
	sending.Wait()
	return context.Cause(ctx)
}

// queues sorts the messages by the partition that they go to.
func (p *Publisher) queues(ctx context.Context, messages []pipeline.Message) (map[topicPartition][]*pipeline.Message, error) {
	queues := make(map[topicPartition][]*pipeline.Message)
	partitions := make(map[string][]int)
	for i := range messages {
		m := &messages[i]
		ids := partitions[m.Topic]
		if ids == nil {
			var err error
			if ids, err = p.partitions(ctx, m.Topic); err != nil {
				return nil, err
			}
			partitions[m.Topic] = ids
		}
		to := topicPartition{p.cluster.options.Names.Kafka(m.Topic), p.choose(m.Key, ids)}
		queues[to] = append(queues[to], m)
	}
	return queues, nil
}

// partitions lists a topic's partitions, and waits for a topic that is not there (yet).
func (p *Publisher) partitions(ctx context.Context, contract string) ([]int, error) {
	name := p.cluster.options.Names.Kafka(contract)
	retry := backoff{first: 50 * time.Millisecond, most: time.Second}
	for {
		leaders, err := p.cluster.leaders(ctx, []string{name})
		if err == nil && len(leaders[name]) > 0 {
			ids := make([]int, len(leaders[name]))
			for i := range ids {
				ids[i] = i
			}
			return ids, nil
		}
		p.cluster.options.Log.Warn("cannot publish yet, trying again", "topic", name, "error", err)
		if ended := retry.wait(ctx); ended != nil {
			return nil, errors.Join(ended, err)
		}
	}
}

var javaBalancer = kafka.Murmur2Balancer{Consistent: true}

// choose is Java's choice for a key; messages without one go round.
func (p *Publisher) choose(key []byte, partitions []int) int {
	if key == nil {
		return partitions[int(p.keyless.Add(1))%len(partitions)]
	}
	return javaBalancer.Balance(kafka.Message{Key: key}, partitions...)
}

// sendAll sends what goes to one partition, one request after the other.
func (p *Publisher) sendAll(ctx context.Context, to topicPartition, queue []*pipeline.Message) error {
	most := maxProduce
	for len(queue) > 0 {
		n := fits(queue, most)
		err := p.send(ctx, to, queue[:n])
		if errors.Is(err, kafka.MessageSizeTooLarge) && n > 1 {
			most = max(most/2, 1) // the topic takes less than it should
			continue
		}
		if err != nil {
			return fmt.Errorf("publish %d messages to %s/%d: %w", n, to.topic, to.partition, err)
		}
		p.acknowledged.Add(uint64(n))
		queue = queue[n:]
	}
	return nil
}

// fits tells how many of the first messages make one request of at most so many
// bytes: one at least.
func fits(queue []*pipeline.Message, most int) int {
	size := 0
	for i, m := range queue {
		if size += messageSize(m); size > most && i > 0 {
			return i
		}
	}
	return len(queue)
}

func messageSize(m *pipeline.Message) int {
	size := messageOverhead + len(m.Key) + len(m.Value)
	for _, h := range m.Headers {
		size += messageOverhead + len(h.Key) + len(h.Value)
	}
	return size
}

// send repeats one request until it is acknowledged.
func (p *Publisher) send(ctx context.Context, to topicPartition, messages []*pipeline.Message) error {
	retry := backoff{first: 50 * time.Millisecond, most: 2 * time.Second}
	for {
		err := p.produce(ctx, to, messages)
		if err == nil {
			return nil
		}
		if ctx.Err() != nil {
			return errors.Join(context.Cause(ctx), err)
		}
		if !moved(err) {
			return err
		}
		p.cluster.options.Log.Warn("publishing failed, trying again", "topic", to.topic, "partition", to.partition, "messages", len(messages), "error", err)
		if ended := retry.wait(ctx); ended != nil {
			return errors.Join(ended, err)
		}
	}
}

// produce sends one request. The records are made anew for each: kafka-go reads
// them once, and may still be reading those of a request that was given up.
func (p *Publisher) produce(ctx context.Context, to topicPartition, messages []*pipeline.Message) error {
	ctx, cancel := context.WithTimeout(ctx, p.cluster.options.RequestTimeout)
	defer cancel()
	records := make([]protocol.Record, len(messages))
	for i, m := range messages {
		records[i] = record(m)
	}
	answer, err := p.cluster.client.Produce(ctx, &kafka.ProduceRequest{
		Topic: to.topic, Partition: to.partition, RequiredAcks: kafka.RequireAll, // the zero value is none
		Records: protocol.NewRecordReader(records...),
	})
	if err != nil {
		return err
	}
	return answer.Error
}

func record(m *pipeline.Message) protocol.Record {
	r := protocol.Record{Key: protocol.NewBytes(m.Key), Value: protocol.NewBytes(m.Value)}
	if len(m.Headers) > 0 {
		r.Headers = make([]protocol.Header, len(m.Headers))
		for i, h := range m.Headers {
			r.Headers[i] = protocol.Header{Key: h.Key, Value: h.Value}
		}
	}
	return r
}
