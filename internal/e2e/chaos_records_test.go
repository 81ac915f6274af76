package e2e

import (
	"context"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/grapevinehq/grapevine/consumers"
)

// A retention that is shorter than an outage deletes what nobody has read. No worker
// goes on behind the gap as if nothing had been there.
func TestLost_records_that_were_deleted_unread_are_noticed(t *testing.T) {
	t.Parallel()
	w := worked(t)
	w.publish(someTraffic(2))
	w.deleteRecords(consumers.Clicks, w.endsOf(consumers.Clicks))
	w.publish(someTraffic(3))
	w.refuses("kafka lost offsets", "retention", "begin a new installation")
}

// What was read may go: the books and the memory have it.
func TestLost_nothing_by_a_retention_that_deletes_what_was_read(t *testing.T) {
	t.Parallel()
	w := worked(t)
	for _, topic := range []string{consumers.Clicks, consumers.Conversions} {
		w.deleteRecords(topic, w.endsOf(topic))
	}
	p := w.launch("run")
	p.awaitJoined(1)
	w.publish(someTraffic(2))
	w.awaitDone(60*time.Second, p)
	w.deleteRecords(consumers.Clicks, w.endsOf(consumers.Clicks))
	w.publish(someTraffic(3))
	w.awaitDone(60*time.Second, p)
	if code := p.stop(60 * time.Second); code != 0 {
		t.Errorf("%s ended with %d", p.name, code)
	}
	w.checkFinished()
}

// endsOf are the ends of a topic's partitions.
func (w *world) endsOf(contract string) (ends []int64) {
	w.t.Helper()
	ctx, cancel := context.WithTimeout(w.t.Context(), 30*time.Second)
	defer cancel()
	for p := range w.partitions {
		ends = append(ends, w.end(ctx, w.cluster.Names().Kafka(contract), p))
	}
	return ends
}

// deleteRecords deletes what lies before an offset of each partition.
func (w *world) deleteRecords(contract string, before []int64) {
	w.t.Helper()
	ctx, cancel := context.WithTimeout(w.t.Context(), 30*time.Second)
	defer cancel()
	client, err := kgo.NewClient(kgo.SeedBrokers(w.brokers))
	if err != nil {
		w.t.Fatal(err)
	}
	defer client.Close()
	request, of := kmsg.NewPtrDeleteRecordsRequest(), kmsg.NewDeleteRecordsRequestTopic()
	request.TimeoutMillis, of.Topic = 10_000, w.cluster.Names().Kafka(contract)
	for p, offset := range before {
		one := kmsg.NewDeleteRecordsRequestTopicPartition()
		one.Partition, one.Offset = int32(p), offset
		of.Partitions = append(of.Partitions, one)
	}
	request.Topics = append(request.Topics, of)
	answer, err := request.RequestWith(ctx, client)
	if err != nil {
		w.t.Fatal(err)
	}
	for _, p := range answer.Topics[0].Partitions {
		if p.ErrorCode != 0 {
			w.t.Fatalf("delete records of %s/%d: error %d", of.Topic, p.Partition, p.ErrorCode)
		}
	}
}
