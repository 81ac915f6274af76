package engine_test

import (
	"bytes"
	"context"
	"errors"
	"os"
	"testing"
	"time"

	"github.com/segmentio/kafka-go"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/grapevinehq/grapevine/internal/engine"
)

// TestBrokers holds the in-process broker and Apache Kafka to the same
// behaviour: what the pipeline relies on.
func TestBrokers(t *testing.T) {
	t.Run("in process", func(t *testing.T) {
		broker, err := engine.StartKafka(t.Context(), engine.KafkaOptions{Dir: t.TempDir()})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { stop(t, broker.Stop) })
		brokerBehaves(t, broker.Addr)
	})
	t.Run("Apache Kafka", func(t *testing.T) {
		brokerBehaves(t, startApacheKafka(t, t.TempDir()).Addr)
	})
}

func TestApacheKafka_keeps_data_between_runs(t *testing.T) {
	dir := t.TempDir()
	first := startApacheKafka(t, dir)
	produceOne(t, first.Addr, markTopic, []byte(markText))
	commit(t, first.Addr, markGroup, markTopic, kafka.OffsetCommit{Offset: 1, Metadata: markText})
	stop(t, first.Stop)

	second := startApacheKafka(t, dir)
	if got := readOne(t, second.Addr, markTopic); string(got) != markText {
		t.Errorf("kept %q, want %q", got, markText)
	}
	if got := committed(t, second.Addr, markGroup, markTopic); got.CommittedOffset != 1 || got.Metadata != markText {
		t.Errorf("kept commit %d %q, want 1 %q", got.CommittedOffset, got.Metadata, markText)
	}
}

func TestApacheKafka_names_a_missing_java(t *testing.T) {
	t.Setenv("PATH", t.TempDir())
	_, err := engine.StartApacheKafka(t.Context(), engine.ApacheKafkaOptions{Dir: t.TempDir()})
	var missing *engine.MissingProgramError
	if !errors.As(err, &missing) || missing.Program != "java" || !errors.Is(err, engine.ErrUnavailable) {
		t.Errorf("without java: %v", err)
	}
}

// startApacheKafka skips the test where Java or Maven is missing, unless the
// environment says CI=true.
func startApacheKafka(t *testing.T, dir string) *engine.ApacheKafka {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Minute)
	defer cancel()
	broker, err := engine.StartApacheKafka(ctx, engine.ApacheKafkaOptions{Dir: dir})
	var missing *engine.MissingProgramError
	if errors.As(err, &missing) && os.Getenv("CI") != "true" {
		t.Skipf("not run against Apache Kafka: %v", missing)
	}
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { stop(t, broker.Stop) })
	return broker
}

func brokerBehaves(t *testing.T, addr string) {
	t.Run("keeps the metadata of a commit", func(t *testing.T) {
		createTopic(t, addr, "commits")
		metadata := string(bytes.Repeat([]byte("m"), 4000))
		commit(t, addr, "commits", "commits", kafka.OffsetCommit{Offset: 7, Metadata: metadata})
		if got := committed(t, addr, "commits", "commits"); got.CommittedOffset != 7 || got.Metadata != metadata {
			t.Errorf("committed %d with %d bytes of metadata, want 7 with %d", got.CommittedOffset, len(got.Metadata), len(metadata))
		}
	})
	t.Run("refuses a commit of an older generation", func(t *testing.T) { refusesOldGeneration(t, addr) })
	t.Run("shows aborted records to nobody who reads committed ones", func(t *testing.T) { hidesAborted(t, addr) })
	t.Run("gives a topic made anew another id", func(t *testing.T) { givesNewID(t, addr) })
	t.Run("takes records up to the topic's own limit", func(t *testing.T) {
		createTopic(t, addr, "large", kafka.ConfigEntry{ConfigName: "max.message.bytes", ConfigValue: "2097152"})
		createTopic(t, addr, "usual")
		record := bytes.Repeat([]byte("x"), 3<<19) // 1.5 MiB
		if err := produce(t, addr, "large", record); err != nil {
			t.Errorf("1.5 MiB where 2 MiB are allowed: %v", err)
		}
		if err := produce(t, addr, "usual", record); !errors.Is(err, kafka.MessageSizeTooLarge) {
			t.Errorf("1.5 MiB where 1 MiB is allowed: %v", err)
		}
	})
	t.Run("makes compacted topics", func(t *testing.T) {
		createTopic(t, addr, "compacted", kafka.ConfigEntry{ConfigName: "cleanup.policy", ConfigValue: "compact"})
		if err := produceKeyed(t, addr, "compacted"); err != nil {
			t.Errorf("a record with a key: %v", err)
		}
	})
	t.Run("answers where a partition begins and ends", func(t *testing.T) {
		produceOne(t, addr, "ends", []byte("one"))
		answer, err := kafkaClient(t, addr).ListOffsets(t.Context(), &kafka.ListOffsetsRequest{
			Topics: map[string][]kafka.OffsetRequest{"ends": {kafka.FirstOffsetOf(0), kafka.LastOffsetOf(0)}},
		})
		if err != nil {
			t.Fatal(err)
		}
		if got := answer.Topics["ends"][0]; got.FirstOffset != 0 || got.LastOffset != 1 {
			t.Errorf("[%d, %d), want [0, 1)", got.FirstOffset, got.LastOffset)
		}
	})
}

func produceKeyed(t *testing.T, addr, topic string) error {
	t.Helper()
	answer, err := kafkaClient(t, addr).Produce(t.Context(), &kafka.ProduceRequest{
		Topic: topic, RequiredAcks: kafka.RequireAll,
		Records: kafka.NewRecordReader(kafka.Record{Key: kafka.NewBytes([]byte("k")), Value: kafka.NewBytes([]byte("v"))}),
	})
	if err != nil {
		return err
	}
	return answer.Error
}

// refusesOldGeneration lets a member commit, then another take over, then the
// first commit again.
func refusesOldGeneration(t *testing.T, addr string) {
	createTopic(t, addr, "generations")
	group := newGroup(t, addr)
	first, err := group.Next(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	old := &kafka.OffsetCommitRequest{
		GroupID: first.GroupID, GenerationID: int(first.ID), MemberID: first.MemberID,
		Topics: map[string][]kafka.OffsetCommit{"generations": {{Offset: 1}}},
	}
	if err := commitAs(t, addr, old); err != nil {
		t.Fatalf("commit of the present generation: %v", err)
	}
	if err := group.Close(); err != nil {
		t.Fatal(err)
	}
	second, err := newGroup(t, addr).Next(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if err := commitAs(t, addr, old); !errors.Is(err, kafka.UnknownMemberId) && !errors.Is(err, kafka.IllegalGeneration) {
		t.Errorf("commit of a member that has left: %v", err)
	}
	old.MemberID = second.MemberID
	if err := commitAs(t, addr, old); !errors.Is(err, kafka.IllegalGeneration) {
		t.Errorf("commit of generation %d in generation %d: %v", first.ID, second.ID, err)
	}
}

func newGroup(t *testing.T, addr string) *kafka.ConsumerGroup {
	t.Helper()
	group, err := kafka.NewConsumerGroup(kafka.ConsumerGroupConfig{
		ID: "generations", Brokers: []string{addr}, Topics: []string{"generations"},
		HeartbeatInterval: 50 * time.Millisecond, SessionTimeout: 2 * time.Second,
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { group.Close() })
	return group
}

// hidesAborted aborts one transaction and commits another.
func hidesAborted(t *testing.T, addr string) {
	createTopic(t, addr, "transactions")
	producer, err := kgo.NewClient(kgo.SeedBrokers(addr), kgo.TransactionalID("transactions"), kgo.DefaultProduceTopic("transactions"))
	if err != nil {
		t.Fatal(err)
	}
	defer producer.Close()
	for _, tx := range []struct {
		value string
		end   kgo.TransactionEndTry
	}{{"aborted", kgo.TryAbort}, {"committed", kgo.TryCommit}} {
		if err := producer.BeginTransaction(); err != nil {
			t.Fatal(err)
		}
		if err := producer.ProduceSync(t.Context(), kgo.StringRecord(tx.value)).FirstErr(); err != nil {
			t.Fatal(err)
		}
		if err := producer.EndTransaction(t.Context(), tx.end); err != nil {
			t.Fatal(err)
		}
	}
	reader, err := kgo.NewClient(kgo.SeedBrokers(addr), kgo.ConsumeTopics("transactions"), kgo.FetchIsolationLevel(kgo.ReadCommitted()),
		kgo.ConsumeResetOffset(kgo.NewOffset().AtStart()))
	if err != nil {
		t.Fatal(err)
	}
	defer reader.Close()
	fetched := reader.PollFetches(t.Context())
	if err := fetched.Err(); err != nil {
		t.Fatal(err)
	}
	for _, record := range fetched.Records() {
		if string(record.Value) != "committed" {
			t.Errorf("read %q", record.Value)
		}
	}
	if fetched.NumRecords() != 1 {
		t.Errorf("read %d records, want 1", fetched.NumRecords())
	}
}

func givesNewID(t *testing.T, addr string) {
	createTopic(t, addr, "anew")
	first := topicID(t, addr, "anew")
	if first == ([16]byte{}) {
		t.Fatal("no topic id")
	}
	answer, err := kafkaClient(t, addr).DeleteTopics(t.Context(), &kafka.DeleteTopicsRequest{Topics: []string{"anew"}})
	if err == nil {
		err = answer.Errors["anew"]
	}
	if err != nil {
		t.Fatal(err)
	}
	createTopic(t, addr, "anew")
	if second := topicID(t, addr, "anew"); second == first {
		t.Errorf("both topics have id %x", first)
	}
}

// topicID asks for the topic's id, which version 10 of the request brought.
func topicID(t *testing.T, addr, topic string) [16]byte {
	t.Helper()
	client, err := kgo.NewClient(kgo.SeedBrokers(addr))
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close()
	request := kmsg.NewPtrMetadataRequest()
	wanted := kmsg.NewMetadataRequestTopic()
	wanted.Topic = &topic
	request.Topics = append(request.Topics, wanted)
	answer, err := request.RequestWith(t.Context(), client)
	if err != nil {
		t.Fatal(err)
	}
	if answer.Version < 12 {
		t.Errorf("metadata are answered in version %d, want at least 12", answer.Version)
	}
	return answer.Topics[0].TopicID
}
