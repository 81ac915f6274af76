package judge

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"slices"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"
)

// topics reads the topics of a case.
type topics struct {
	brokers []string
	prefix  string
	renames map[string]string
}

func (k *topics) name(topic string) string {
	if name := k.renames[topic]; name != "" {
		return name
	}
	return k.prefix + topic
}

// records reads a topic, partition by partition, up to where it ends now. A topic
// that does not exist has none.
func (k *topics) records(ctx context.Context, topic string) iter.Seq2[Record, error] {
	return func(yield func(Record, error) bool) {
		name := k.name(topic)
		bounds, err := k.bounds(ctx, name)
		if err != nil {
			yield(Record{}, fmt.Errorf("ends of topic %s: %w", name, err))
			return
		}
		for partition, b := range bounds {
			if b.first < b.end && !k.partition(ctx, name, partition, b, yield) {
				return
			}
		}
	}
}

// bounds are the offset of the first record of a partition, and the one after the last.
type bounds struct{ first, end int64 }

// bounds asks for those of all partitions; the last stable offsets end them.
func (k *topics) bounds(ctx context.Context, name string) ([]bounds, error) {
	client, err := kgo.NewClient(kgo.SeedBrokers(k.brokers...))
	if err != nil {
		return nil, err
	}
	defer client.Close()
	request := kmsg.NewPtrMetadataRequest()
	asked := kmsg.NewMetadataRequestTopic()
	asked.Topic = kmsg.StringPtr(name)
	request.Topics = append(request.Topics, asked)
	metadata, err := request.RequestWith(ctx, client)
	if err != nil {
		return nil, err
	}
	switch err := kerr.ErrorForCode(metadata.Topics[0].ErrorCode); {
	case errors.Is(err, kerr.UnknownTopicOrPartition):
		return nil, nil
	case err != nil:
		return nil, err
	}
	all := make([]bounds, len(metadata.Topics[0].Partitions))
	for _, what := range []struct {
		timestamp int64 // -2 is the first record, -1 the end
		set       func(*bounds, int64)
	}{
		{-2, func(b *bounds, n int64) { b.first = n }},
		{-1, func(b *bounds, n int64) { b.end = n }},
	} {
		if err := k.offsets(ctx, client, name, what.timestamp, all, what.set); err != nil {
			return nil, err
		}
	}
	return all, nil
}

func (k *topics) offsets(ctx context.Context, client *kgo.Client, name string, timestamp int64, all []bounds, set func(*bounds, int64)) error {
	request := kmsg.NewPtrListOffsetsRequest()
	request.IsolationLevel = 1 // read committed
	asked := kmsg.NewListOffsetsRequestTopic()
	asked.Topic = name
	for i := range all {
		p := kmsg.NewListOffsetsRequestTopicPartition()
		p.Partition, p.Timestamp = int32(i), timestamp //nolint:gosec // a partition's number
		asked.Partitions = append(asked.Partitions, p)
	}
	request.Topics = append(request.Topics, asked)
	for _, shard := range client.RequestSharded(ctx, request) {
		if shard.Err != nil {
			return shard.Err
		}
		for _, t := range shard.Resp.(*kmsg.ListOffsetsResponse).Topics {
			for _, p := range t.Partitions {
				if err := kerr.ErrorForCode(p.ErrorCode); err != nil {
					return fmt.Errorf("partition %d: %w", p.Partition, err)
				}
				set(&all[p.Partition], p.Offset)
			}
		}
	}
	return nil
}

// partition reads one to its end. Control records are asked for as well: a
// partition may end with the marker of a transaction.
func (k *topics) partition(ctx context.Context, name string, partition int, b bounds, yield func(Record, error) bool) bool {
	client, err := kgo.NewClient(
		kgo.SeedBrokers(k.brokers...),
		kgo.ConsumePartitions(map[string]map[int32]kgo.Offset{name: {int32(partition): kgo.NewOffset().At(b.first)}}), //nolint:gosec // a partition's number
		kgo.FetchIsolationLevel(kgo.ReadCommitted()), kgo.KeepControlRecords(),
	)
	if err != nil {
		return yield(Record{}, fmt.Errorf("read topic %s: %w", name, err))
	}
	defer client.Close()
	for {
		fetches := client.PollFetches(ctx)
		if err := fetches.Err(); err != nil {
			return yield(Record{}, fmt.Errorf("read %s/%d: %w", name, partition, err))
		}
		for _, r := range fetches.Records() {
			if r.Offset < b.end && !r.Attrs.IsControl() && !yield(recordOf(r), nil) {
				return false
			}
			if r.Offset >= b.end-1 {
				return true
			}
		}
	}
}

func recordOf(r *kgo.Record) Record {
	rec := Record{Partition: int(r.Partition), Offset: r.Offset, Time: r.Timestamp.UnixMilli(), Key: slices.Clone(r.Key), Value: slices.Clone(r.Value)}
	for _, h := range r.Headers {
		rec.Headers = append(rec.Headers, Header{h.Key, slices.Clone(h.Value)})
	}
	return rec
}
