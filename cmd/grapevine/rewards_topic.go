package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/segmentio/kafka-go"
	"github.com/segmentio/kafka-go/protocol"
	"golang.org/x/sync/errgroup"
)

// topicReader reads a topic outside any consumer group, as tools do.
type topicReader struct {
	client *kafka.Client
	topic  string // by its name in Kafka
}

// topicRecord is one record, all its own.
type topicRecord struct {
	Partition  int
	Offset     int64
	Time       time.Time
	Key, Value []byte
	Headers    []kafka.Header
}

// header is the value of the last header of that name; empty when there is none.
func (r *topicRecord) header(name string) string {
	for i := len(r.Headers) - 1; i >= 0; i-- {
		if r.Headers[i].Key == name {
			return string(r.Headers[i].Value)
		}
	}
	return ""
}

// topicRange are the offsets of one partition, its end not included.
type topicRange struct {
	partition  int
	first, end int64
}

// ranges asks where each partition begins and ends now.
func (t *topicReader) ranges(ctx context.Context) ([]topicRange, error) {
	answer, err := t.client.Metadata(ctx, &kafka.MetadataRequest{Topics: []string{t.topic}})
	if err != nil {
		return nil, fmt.Errorf("ask Kafka at %s for topic %s: %w", t.client.Addr, t.topic, err)
	}
	if len(answer.Topics) != 1 || answer.Topics[0].Error != nil || len(answer.Topics[0].Partitions) == 0 {
		return nil, fmt.Errorf("kafka at %s has no topic %s yet: `grapevine run` makes it", t.client.Addr, t.topic)
	}
	var ask []kafka.OffsetRequest
	for _, p := range answer.Topics[0].Partitions {
		ask = append(ask, kafka.FirstOffsetOf(p.ID), kafka.LastOffsetOf(p.ID))
	}
	offsets, err := t.client.ListOffsets(ctx, &kafka.ListOffsetsRequest{Topics: map[string][]kafka.OffsetRequest{t.topic: ask}})
	if err != nil {
		return nil, fmt.Errorf("ask Kafka at %s for the offsets of %s: %w", t.client.Addr, t.topic, err)
	}
	var ranges []topicRange
	for _, p := range offsets.Topics[t.topic] {
		if p.Error != nil {
			return nil, fmt.Errorf("ask Kafka for the offsets of %s/%d: %w", t.topic, p.Partition, p.Error)
		}
		ranges = append(ranges, topicRange{p.Partition, p.FirstOffset, p.LastOffset})
	}
	return ranges, nil
}

// read gives every record of the ranges to each, one at a time; the partitions
// come in no order among each other. With follow it goes on beyond the ends until
// ctx ends. An error of each stops the reading and is returned.
func (t *topicReader) read(ctx context.Context, ranges []topicRange, follow bool, each func(topicRecord) error) error {
	group, ctx := errgroup.WithContext(ctx)
	records := make(chan topicRecord, 256)
	readers, reading := errgroup.WithContext(ctx)
	for _, r := range ranges {
		readers.Go(func() error { return t.readPartition(reading, r, follow, records) })
	}
	group.Go(func() error {
		defer close(records)
		return readers.Wait()
	})
	group.Go(func() error {
		for r := range records {
			if err := each(r); err != nil {
				return err
			}
		}
		return nil
	})
	return group.Wait()
}

// emptyAnswers is how often a partition must come back empty below its end to
// believe that what is missing there is gone.
const emptyAnswers = 3

func (t *topicReader) readPartition(ctx context.Context, r topicRange, follow bool, to chan<- topicRecord) error {
	empty := 0
	for next := r.first; follow || next < r.end; {
		n, err := t.fetch(ctx, r.partition, next, to)
		if err != nil {
			return err
		}
		if n > next {
			next, empty = n, 0
		} else if empty++; !follow && empty == emptyAnswers {
			return nil
		}
	}
	return nil
}

// fetch reads on from an offset and returns the one after the last record.
func (t *topicReader) fetch(ctx context.Context, partition int, from int64, to chan<- topicRecord) (next int64, err error) {
	answer, err := t.client.Fetch(ctx, &kafka.FetchRequest{
		Topic: t.topic, Partition: partition, Offset: from, MinBytes: 1, MaxBytes: 8 << 20,
		MaxWait: 500 * time.Millisecond, IsolationLevel: kafka.ReadCommitted,
	})
	if err == nil {
		err = answer.Error
	}
	if err != nil {
		if ctx.Err() != nil {
			return from, context.Cause(ctx)
		}
		return from, fmt.Errorf("read %s/%d from offset %d: %w", t.topic, partition, from, err)
	}
	for next = from; ; {
		record, err := answer.Records.ReadRecord()
		if errors.Is(err, io.EOF) {
			return next, nil
		}
		if err != nil {
			return next, fmt.Errorf("read %s/%d at offset %d: %w", t.topic, partition, next, err)
		}
		if record.Offset < from {
			continue
		}
		own, err := ownRecord(partition, record)
		if err != nil {
			return next, fmt.Errorf("read %s/%d at offset %d: %w", t.topic, partition, record.Offset, err)
		}
		select {
		case to <- own:
			next = record.Offset + 1
		case <-ctx.Done():
			return next, context.Cause(ctx)
		}
	}
}

func ownRecord(partition int, record *protocol.Record) (own topicRecord, err error) {
	own = topicRecord{Partition: partition, Offset: record.Offset, Time: record.Time, Headers: record.Headers}
	if own.Key, err = protocol.ReadAll(record.Key); err != nil {
		return own, err
	}
	own.Value, err = protocol.ReadAll(record.Value)
	return own, err
}
