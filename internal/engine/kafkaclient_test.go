package engine_test

import (
	"errors"
	"testing"
	"time"

	"github.com/segmentio/kafka-go"
)

// kafkaClient talks to a broker for the length of a test.
func kafkaClient(t *testing.T, addr string) *kafka.Client {
	t.Helper()
	transport := &kafka.Transport{}
	t.Cleanup(transport.CloseIdleConnections)
	return &kafka.Client{Addr: kafka.TCP(addr), Transport: transport}
}

func createTopic(t *testing.T, addr, topic string, settings ...kafka.ConfigEntry) {
	t.Helper()
	answer, err := kafkaClient(t, addr).CreateTopics(t.Context(), &kafka.CreateTopicsRequest{
		Topics: []kafka.TopicConfig{{Topic: topic, NumPartitions: 1, ReplicationFactor: 1, ConfigEntries: settings}},
	})
	if err == nil {
		err = answer.Errors[topic]
	}
	if err != nil {
		t.Fatalf("create topic %s: %v", topic, err)
	}
}

// produce sends one record to partition 0 and returns the broker's error.
func produce(t *testing.T, addr, topic string, value []byte) error {
	t.Helper()
	answer, err := kafkaClient(t, addr).Produce(t.Context(), &kafka.ProduceRequest{
		Topic: topic, RequiredAcks: kafka.RequireAll,
		Records: kafka.NewRecordReader(kafka.Record{Value: kafka.NewBytes(value)}),
	})
	if err != nil {
		return err
	}
	return answer.Error
}

// produceOne makes a topic and sends it its first record.
func produceOne(t *testing.T, addr, topic string, value []byte) {
	t.Helper()
	createTopic(t, addr, topic)
	if err := produce(t, addr, topic, value); err != nil {
		t.Fatalf("produce to %s: %v", topic, err)
	}
}

// readOne returns the first record of partition 0.
func readOne(t *testing.T, addr, topic string) []byte {
	t.Helper()
	answer, err := kafkaClient(t, addr).Fetch(t.Context(), &kafka.FetchRequest{Topic: topic, MinBytes: 1, MaxBytes: 1 << 20})
	if err == nil {
		err = answer.Error
	}
	if err != nil {
		t.Fatalf("fetch from %s: %v", topic, err)
	}
	record, err := answer.Records.ReadRecord()
	if err != nil {
		t.Fatalf("read from %s: %v", topic, err)
	}
	value, err := kafka.ReadAll(record.Value)
	if err != nil {
		t.Fatalf("read from %s: %v", topic, err)
	}
	return value
}

// commit commits to partition 0 for a group without members.
func commit(t *testing.T, addr, group, topic string, offset kafka.OffsetCommit) {
	t.Helper()
	if err := commitAs(t, addr, &kafka.OffsetCommitRequest{
		GroupID: group, GenerationID: -1, Topics: map[string][]kafka.OffsetCommit{topic: {offset}},
	}); err != nil {
		t.Fatalf("commit for %s: %v", group, err)
	}
}

func commitAs(t *testing.T, addr string, request *kafka.OffsetCommitRequest) error {
	t.Helper()
	answer, err := kafkaClient(t, addr).OffsetCommit(t.Context(), request)
	if err != nil {
		return err
	}
	for _, partitions := range answer.Topics {
		for _, p := range partitions {
			if p.Error != nil {
				return p.Error
			}
		}
	}
	return nil
}

// committed returns what is committed for partition 0. A broker that has just
// started may still be loading its groups, and says so for a while.
func committed(t *testing.T, addr, group, topic string) kafka.OffsetFetchPartition {
	t.Helper()
	client := kafkaClient(t, addr)
	for until := time.Now().Add(30 * time.Second); ; time.Sleep(50 * time.Millisecond) {
		commit, err := fetchCommit(t, client, group, topic)
		var code kafka.Error
		if errors.As(err, &code) && code.Temporary() && time.Now().Before(until) {
			continue
		}
		if err != nil {
			t.Fatalf("fetch the commit of %s: %v", group, err)
		}
		return commit
	}
}

// fetchCommit asks once; an error may stand in the answer or in the partition's part of it.
func fetchCommit(t *testing.T, client *kafka.Client, group, topic string) (commit kafka.OffsetFetchPartition, err error) {
	t.Helper()
	answer, err := client.OffsetFetch(t.Context(), &kafka.OffsetFetchRequest{GroupID: group, Topics: map[string][]int{topic: {0}}})
	if err == nil {
		err = answer.Error
	}
	if err == nil {
		commit = answer.Topics[topic][0]
		err = commit.Error
	}
	return commit, err
}
