package simulate

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"sync"
	"sync/atomic"
	"time"

	"github.com/segmentio/kafka-go"
	"github.com/segmentio/kafka-go/protocol"
)

const (
	// batchBytes is how much goes into one request: it stays under the default
	// limit of a broker for a batch (1 MiB).
	batchBytes = 900 << 10
	// batchSpare is room for one more event.
	batchSpare = 8 << 10
	// eventOverhead is added to an event's bytes for lengths and offsets.
	eventOverhead = 24

	produceTimeout = 30 * time.Second
)

// batch is what one request carries: keys and values in one buffer.
type batch struct {
	data []byte
	ends []int // of a key and its value, by turns
}

// writer writes to one topic. One goroutine adds, and one a partition sends, a
// single request at a time, so that a partition keeps the order.
type writer struct {
	client     *kafka.Client
	topic      string
	partitions []int
	open       []*batch
	queues     []chan *batch
	free       chan *batch
	senders    sync.WaitGroup
	inFlight   sync.WaitGroup
	acked      *atomic.Int64

	ctx  context.Context
	fail context.CancelCauseFunc
}

// newWriter readies the writing to a topic that exists.
func newWriter(ctx context.Context, client *kafka.Client, topic string, acked *atomic.Int64) (*writer, error) {
	answer, err := client.Metadata(ctx, &kafka.MetadataRequest{Topics: []string{topic}})
	if err != nil {
		return nil, fmt.Errorf("ask Kafka for topic %s: %w", topic, err)
	}
	if len(answer.Topics) != 1 || answer.Topics[0].Error != nil || len(answer.Topics[0].Partitions) == 0 {
		return nil, fmt.Errorf("topic %s has no partitions: create it, or let create_topics be true", topic)
	}
	n := len(answer.Topics[0].Partitions)
	w := &writer{client: client, topic: topic, acked: acked, open: make([]*batch, n), free: make(chan *batch, 3*n)}
	w.ctx, w.fail = context.WithCancelCause(ctx)
	for p := range n {
		w.partitions = append(w.partitions, p)
		queue := make(chan *batch, 1)
		w.queues = append(w.queues, queue)
		w.senders.Go(func() { w.send(p, queue) })
	}
	return w, nil
}

// add writes one event: render appends its value. It blocks while the partition
// has enough to send.
func (w *writer) add(key []byte, render func(to []byte) []byte) error {
	p := javaPartition(key, w.partitions)
	b := w.open[p]
	if b == nil {
		b = w.empty()
		w.open[p] = b
	}
	b.data = append(b.data, key...)
	b.ends = append(b.ends, len(b.data))
	b.data = render(b.data)
	b.ends = append(b.ends, len(b.data))
	if len(b.data)+len(b.ends)/2*eventOverhead+batchSpare < batchBytes {
		return nil
	}
	return w.hand(p)
}

// javaPartition is Java's choice for a key (murmur2).
func javaPartition(key []byte, partitions []int) int {
	return kafka.Murmur2Balancer{Consistent: true}.Balance(kafka.Message{Key: key}, partitions...)
}

func (w *writer) empty() *batch {
	select {
	case b := <-w.free:
		return b
	default:
		return &batch{data: make([]byte, 0, batchBytes)}
	}
}

// hand gives a partition's batch to its sender.
func (w *writer) hand(p int) error {
	b := w.open[p]
	w.open[p] = nil
	w.inFlight.Add(1)
	select {
	case w.queues[p] <- b:
		return nil
	case <-w.ctx.Done():
		w.inFlight.Done()
		return context.Cause(w.ctx)
	}
}

// flush sends what is open, and waits until Kafka has acknowledged everything.
func (w *writer) flush() error {
	for p, b := range w.open {
		if b != nil {
			if err := w.hand(p); err != nil {
				return err
			}
		}
	}
	w.inFlight.Wait()
	return context.Cause(w.ctx)
}

// close ends the senders; what is not flushed is lost.
func (w *writer) close() {
	w.fail(context.Canceled)
	for _, queue := range w.queues {
		close(queue)
	}
	w.senders.Wait()
}

func (w *writer) send(partition int, queue <-chan *batch) {
	for b := range queue {
		w.sendOne(partition, b)
		w.inFlight.Done()
	}
}

// sendOne sends a batch, and makes its room free again if that succeeded:
// kafka-go may still be reading what it has given up.
func (w *writer) sendOne(partition int, b *batch) {
	if w.ctx.Err() != nil {
		return
	}
	if err := w.produce(partition, b); err != nil {
		w.fail(fmt.Errorf("write %d events to %s/%d: %w", len(b.ends)/2, w.topic, partition, err))
		return
	}
	w.acked.Add(int64(len(b.ends) / 2))
	b.data, b.ends = b.data[:0], b.ends[:0]
	select {
	case w.free <- b:
	default:
	}
}

// produce sends one batch, acknowledged by all replicas. It tries again only
// where the broker says that it did not write: events written twice would make
// the truth wrong.
func (w *writer) produce(partition int, b *batch) error {
	for wait := 50 * time.Millisecond; ; wait = min(2*wait, time.Second) {
		err := w.produceOnce(partition, b)
		if err == nil || !refused(err) {
			return err
		}
		select {
		case <-w.ctx.Done():
			return errors.Join(context.Cause(w.ctx), err)
		case <-time.After(wait):
		}
	}
}

// refused tells whether a broker did not write because it does not lead the
// partition, or not yet.
func refused(err error) bool {
	return errors.Is(err, kafka.NotLeaderForPartition) || errors.Is(err, kafka.LeaderNotAvailable) ||
		errors.Is(err, kafka.UnknownTopicOrPartition) || errors.Is(err, kafka.NotEnoughReplicas)
}

func (w *writer) produceOnce(partition int, b *batch) error {
	ctx, cancel := context.WithTimeout(w.ctx, produceTimeout)
	defer cancel()
	answer, err := w.client.Produce(ctx, &kafka.ProduceRequest{
		Topic: w.topic, Partition: partition, RequiredAcks: kafka.RequireAll, // the zero value is none
		Records: &records{batch: b, time: time.Now()},
	})
	if err != nil {
		return err
	}
	return answer.Error
}

// records hands a batch to kafka-go, one record at a time, without allocating.
type records struct {
	batch      *batch
	time       time.Time
	at         int
	record     protocol.Record
	key, value view
}

// ReadRecord implements protocol.RecordReader.
func (r *records) ReadRecord() (*protocol.Record, error) {
	if r.at >= len(r.batch.ends) {
		return nil, io.EOF
	}
	start := 0
	if r.at > 0 {
		start = r.batch.ends[r.at-1]
	}
	middle, end := r.batch.ends[r.at], r.batch.ends[r.at+1]
	r.at += 2
	r.key.Reset(r.batch.data[start:middle])
	r.value.Reset(r.batch.data[middle:end])
	r.record = protocol.Record{Time: r.time, Key: &r.key, Value: &r.value}
	return &r.record, nil
}

// view lets kafka-go read bytes that stay ours.
type view struct{ bytes.Reader }

// Close implements protocol.Bytes.
func (*view) Close() error { return nil }
