package main

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"time"

	"github.com/cenkalti/backoff/v5"
	"github.com/segmentio/kafka-go"

	"github.com/grapevinehq/grapevine/pipeline/event"
)

// letterSender writes dead letters to the partitions that their events came from,
// those of one partition in the order in which they are given.
type letterSender struct {
	client   *kafka.Client
	pending  map[partition][]*deadLetter
	bytes    int // of all that are pending
	tooLarge int // letters that Kafka did not take for their size
}

type partition struct {
	topic string
	id    int
}

// A request holds at most so many letters and bytes: a topic bounds both the record
// and what one request brings for a partition.
const (
	sendLetters = 500
	sendBytes   = 512 << 10
	holdBytes   = 16 << 20 // over all partitions
)

// send sends a letter, by and by.
func (s *letterSender) send(ctx context.Context, l *deadLetter) error {
	if s.pending == nil {
		s.pending = map[partition][]*deadLetter{}
	}
	to := partition{l.stood.topic, l.stood.partition}
	s.pending[to] = append(s.pending[to], l)
	s.bytes += l.size()
	if s.bytes < holdBytes {
		return nil
	}
	return s.flush(ctx)
}

func (l *deadLetter) size() int {
	n := len(l.Key) + len(l.Value) + 200
	for _, h := range l.Headers {
		n += len(h.Key) + len(h.Value)
	}
	return n
}

// flush sends all that was not sent yet.
func (s *letterSender) flush(ctx context.Context) error {
	for to, letters := range s.pending {
		for len(letters) > 0 {
			n, bytes := 0, 0
			for n < len(letters) && n < sendLetters && (n == 0 || bytes+letters[n].size() <= sendBytes) {
				bytes += letters[n].size()
				n++
			}
			if err := s.produce(ctx, to, letters[:n]); err != nil {
				return err
			}
			letters = letters[n:]
		}
		delete(s.pending, to)
	}
	s.bytes = 0
	return nil
}

// produce writes letters, and tries again for a while where Kafka may recover: what
// was written twice is taken once.
func (s *letterSender) produce(ctx context.Context, to partition, letters []*deadLetter) error {
	wait := backoff.NewExponentialBackOff()
	wait.MaxInterval = 3 * time.Second
	_, err := backoff.Retry(ctx, func() (struct{}, error) {
		err := s.try(ctx, to, letters)
		var refusal kafka.Error
		if errors.As(err, &refusal) && !refusal.Temporary() {
			err = backoff.Permanent(err)
		}
		return struct{}{}, err
	}, backoff.WithBackOff(wait), backoff.WithMaxElapsedTime(time.Minute))
	switch {
	case err == nil:
		return nil
	case !errors.Is(err, kafka.MessageSizeTooLarge):
		return fmt.Errorf("write %d dead letters to %s/%d: %w", len(letters), to.topic, to.id, err)
	case len(letters) == 1:
		s.tooLarge++
		return nil
	}
	for i := range letters { // one of them is too large
		if err := s.produce(ctx, to, letters[i:i+1]); err != nil {
			return err
		}
	}
	return nil
}

func (s *letterSender) try(ctx context.Context, to partition, letters []*deadLetter) error {
	records := make([]kafka.Record, len(letters))
	for i, l := range letters {
		records[i] = kafka.Record{Key: kafka.NewBytes(l.Key), Value: kafka.NewBytes(l.Value), Headers: l.replayHeaders()}
	}
	answer, err := s.client.Produce(ctx, &kafka.ProduceRequest{
		Topic: to.topic, Partition: to.id, RequiredAcks: kafka.RequireAll, Records: kafka.NewRecordReader(records...),
	})
	if err != nil {
		return err
	}
	return answer.Error
}

// replayHeaders are the event's own, and where it stood when it was refused first.
func (l *deadLetter) replayHeaders() []kafka.Header {
	headers := slices.DeleteFunc(l.originalHeaders(), func(h kafka.Header) bool {
		return h.Key == event.OriginTopic || h.Key == event.OriginPartition || h.Key == event.OriginOffset
	})
	for _, h := range [][2]string{
		{event.OriginTopic, l.origin.topic},
		{event.OriginPartition, strconv.Itoa(l.origin.partition)},
		{event.OriginOffset, strconv.FormatInt(l.origin.offset, 10)},
	} {
		headers = append(headers, kafka.Header{Key: h[0], Value: []byte(h[1])})
	}
	return headers
}
