package verify

import (
	"context"
	"fmt"
	"slices"

	"github.com/grapevinehq/grapevine/analytics"
	"github.com/grapevinehq/grapevine/consumers"
	"github.com/grapevinehq/grapevine/pipeline"
	"github.com/grapevinehq/grapevine/pipeline/loop"
)

// place is how far a partition is, by the group's commit.
type place struct {
	partition pipeline.Partition
	contract  string // the contract's name of its topic
	committed int64  // -1: nothing yet
	completed uint64 // the last batch that is done
	bound     uint64 // the last batch that may have begun
	start     int64  // the earliest offset that Kafka has
	end       int64
	foreign   bool // the commit was made by another program
}

// places reads the commits of all inputs.
func (v *Verifier) places(ctx context.Context) ([]place, error) {
	lags, err := v.Kafka.Lags(ctx)
	if err != nil {
		return nil, fmt.Errorf("read the group's commits: %w", err)
	}
	names := v.Kafka.Names()
	topics := make([]string, 0, len(consumers.Inputs()))
	for _, contract := range consumers.Inputs() {
		topics = append(topics, names.Kafka(contract))
	}
	described, err := v.Kafka.Describe(ctx, topics...)
	if err != nil {
		return nil, err
	}
	places := make([]place, len(lags))
	for i, l := range lags {
		name := names.Kafka(l.Topic)
		m, ok := loop.ParseMetadata(l.Metadata)
		places[i] = place{
			partition: pipeline.Partition{Topic: name, Incarnation: described[name].Incarnation, ID: l.Partition}, contract: l.Topic,
			committed: l.Committed, completed: m.Completed(), bound: m.Number, start: l.Start, end: l.End, foreign: l.Committed >= 0 && !ok,
		}
		if !ok {
			places[i].completed = 0
		}
	}
	return places, nil
}

// cut is what is judged of places, or all that may be there.
func cut(places []place, all bool) []analytics.Standing {
	out := make([]analytics.Standing, len(places))
	for i, p := range places {
		out[i] = analytics.Standing{Partition: p.partition, Completed: p.completed, Committed: p.committed}
		if all {
			out[i].Completed = p.bound
		}
	}
	return out
}

// of are the places of one topic.
func of(places []place, contract string) []place {
	return slices.DeleteFunc(slices.Clone(places), func(p place) bool { return p.contract != contract })
}
