package consumers_test

import (
	"sync/atomic"
	"testing"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/grapevinehq/grapevine/consumers"
)

// Topics that another worker has just made may have leaders that do not lead yet.
func TestLags_asks_again_while_a_broker_does_not_lead(t *testing.T) {
	b, c := faulty(t)
	b.create(2)
	b.write(b.producer(""), consumers.Clicks, "a")
	var refused atomic.Int64
	c.ControlKey(int16(kmsg.ListOffsets), func(request kmsg.Request) (kmsg.Response, error, bool) {
		if refused.Add(1) > 3 {
			return nil, nil, false
		}
		c.KeepControl()
		asked := request.(*kmsg.ListOffsetsRequest)
		answer := asked.ResponseKind().(*kmsg.ListOffsetsResponse)
		for _, t := range asked.Topics {
			topic := kmsg.NewListOffsetsResponseTopic()
			topic.Topic = t.Topic
			for _, p := range t.Partitions {
				partition := kmsg.NewListOffsetsResponseTopicPartition()
				partition.Partition, partition.ErrorCode = p.Partition, kerr.NotLeaderForPartition.Code
				topic.Partitions = append(topic.Partitions, partition)
			}
			answer.Topics = append(answer.Topics, topic)
		}
		return answer, nil, true
	})
	lags, err := b.cluster.Lags(t.Context(), consumers.Clicks)
	if err != nil || len(lags) != 2 {
		t.Fatalf("%+v, %v", lags, err)
	}
	if refused.Load() < 4 {
		t.Errorf("asked %d times", refused.Load())
	}
}

// A broker that has just started may not coordinate the group yet.
func TestLags_asks_again_while_a_broker_does_not_coordinate(t *testing.T) {
	b, c := faulty(t)
	b.create(2)
	var refused atomic.Int64
	c.ControlKey(int16(kmsg.OffsetFetch), func(request kmsg.Request) (kmsg.Response, error, bool) {
		if refused.Add(1) > 3 {
			return nil, nil, false
		}
		c.KeepControl()
		answer := request.(*kmsg.OffsetFetchRequest).ResponseKind().(*kmsg.OffsetFetchResponse)
		answer.ErrorCode = kerr.NotCoordinator.Code
		return answer, nil, true
	})
	lags, err := b.cluster.Lags(t.Context(), consumers.Clicks)
	if err != nil || len(lags) != 2 {
		t.Fatalf("%+v, %v", lags, err)
	}
	if refused.Load() < 4 {
		t.Errorf("asked %d times", refused.Load())
	}
}
