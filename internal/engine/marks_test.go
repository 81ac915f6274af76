package engine_test

import (
	"testing"

	"github.com/ClickHouse/clickhouse-go/v2"
	"github.com/redis/go-redis/v9"
	"github.com/segmentio/kafka-go"
)

// marks are left in all three engines, to be found again after they have been
// stopped or killed.
const (
	markTopic = "marks"
	markGroup = "marker"
	markText  = "still here"
)

func leaveMarks(t *testing.T, kafkaAddr, redisAddr, clickHouseAddr string) {
	t.Helper()
	produceOne(t, kafkaAddr, markTopic, []byte(markText))
	commit(t, kafkaAddr, markGroup, markTopic, kafka.OffsetCommit{Offset: 1, Metadata: markText})
	inRedis(t, redisAddr, func(client *redis.Client) error {
		return client.Set(t.Context(), "mark", markText, 0).Err()
	})
	inClickHouse(t, clickHouseAddr, "CREATE TABLE marks (mark String) ENGINE = MergeTree ORDER BY mark", "INSERT INTO marks VALUES ('"+markText+"')")
}

func findMarks(t *testing.T, kafkaAddr, redisAddr, clickHouseAddr string) {
	t.Helper()
	if got := readOne(t, kafkaAddr, markTopic); string(got) != markText {
		t.Errorf("Kafka kept %q, want %q", got, markText)
	}
	if got := committed(t, kafkaAddr, markGroup, markTopic); got.CommittedOffset != 1 || got.Metadata != markText {
		t.Errorf("Kafka kept commit %d %q, want 1 %q", got.CommittedOffset, got.Metadata, markText)
	}
	inRedis(t, redisAddr, func(client *redis.Client) error {
		got, err := client.Get(t.Context(), "mark").Result()
		if got != markText {
			t.Errorf("Redis kept %q, want %q", got, markText)
		}
		return err
	})
	db := clickhouse.OpenDB(&clickhouse.Options{Addr: []string{clickHouseAddr}})
	defer db.Close()
	var got string
	if err := db.QueryRowContext(t.Context(), "SELECT mark FROM marks").Scan(&got); err != nil || got != markText {
		t.Errorf("ClickHouse kept %q (%v), want %q", got, err, markText)
	}
}

func inRedis(t *testing.T, addr string, do func(*redis.Client) error) {
	t.Helper()
	client := redis.NewClient(&redis.Options{Addr: addr})
	defer client.Close()
	if err := do(client); err != nil {
		t.Errorf("Redis: %v", err)
	}
}

func inClickHouse(t *testing.T, addr string, statements ...string) {
	t.Helper()
	db := clickhouse.OpenDB(&clickhouse.Options{Addr: []string{addr}})
	defer db.Close()
	for _, statement := range statements {
		if _, err := db.ExecContext(t.Context(), statement); err != nil {
			t.Fatalf("%s: %v", statement, err)
		}
	}
}
