package consumers

import (
	"cmp"
	"context"
	"fmt"
	"slices"
)

// Lag is how far the group is with one partition.
type Lag struct {
	Topic     string // the contract's name
	Partition int
	Start     int64  // the earliest offset that Kafka has
	End       int64  // the last stable offset
	Committed int64  // -1: none
	Metadata  string // of the commit
}

// Behind is the number of offsets still to be worked, gaps included.
func (l Lag) Behind() int64 { return max(l.End-max(l.Committed, l.Start), 0) }

// Lags tells how far the group is with all partitions of inputs (contract's
// names; none: all of [Inputs]), in order of topic and partition.
func (c *Cluster) Lags(ctx context.Context, inputs ...string) ([]Lag, error) {
	if len(inputs) == 0 {
		inputs = Inputs()
	}
	partitions, err := c.partitionsOf(ctx, inputs)
	if err != nil {
		return nil, err
	}
	// The commits come first, so that none is ahead of the end read for it.
	commits, err := settled(ctx, func() (map[topicPartition]Commit, error) { return c.committed(ctx, partitions) })
	if err != nil {
		return nil, err
	}
	starts, err := c.logOffsets(ctx, partitions, logStart)
	if err != nil {
		return nil, err
	}
	ends, err := c.logOffsets(ctx, partitions, logEnd)
	if err != nil {
		return nil, err
	}
	lags := make([]Lag, 0, len(partitions))
	for _, p := range partitions {
		topic, _ := c.options.Names.Contract(p.topic)
		lags = append(lags, Lag{
			Topic: topic, Partition: p.partition, Start: starts[p], End: ends[p],
			Committed: commits[p].Offset, Metadata: commits[p].Metadata,
		})
	}
	slices.SortFunc(lags, func(a, b Lag) int {
		return cmp.Or(cmp.Compare(a.Topic, b.Topic), cmp.Compare(a.Partition, b.Partition))
	})
	return lags, nil
}

// partitionsOf lists the partitions of topics (contract's names).
func (c *Cluster) partitionsOf(ctx context.Context, topics []string) ([]topicPartition, error) {
	names := c.options.Names.all(topics)
	leaders, err := c.leaders(ctx, names)
	if err != nil {
		return nil, err
	}
	var partitions []topicPartition
	for _, name := range names {
		if len(leaders[name]) == 0 {
			return nil, fmt.Errorf("topic %s has no partitions yet", name)
		}
		for i := range leaders[name] {
			partitions = append(partitions, topicPartition{name, i})
		}
	}
	return partitions, nil
}
