package e2e

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"
	"github.com/segmentio/kafka-go"

	"github.com/grapevinehq/grapevine/consumers"
	"github.com/grapevinehq/grapevine/internal/enginetest"
	"github.com/grapevinehq/grapevine/pipeline"
)

// worked is an installation that has worked some traffic off.
func worked(t *testing.T) *world {
	t.Helper()
	w := newWorld(t, enginetest.Kafka(t).Addr, 2, []byte(trafficPrograms))
	w.createTopics()
	w.publish(someTraffic(1))
	w.exitWhenIdle(60 * time.Second)
	return w
}

func someTraffic(seed uint64) []pipeline.Message {
	g := newTraffic(seed)
	g.members()
	g.clicks(200)
	g.conversions(100)
	return g.messages
}

// refuses has a worker start, which must end with 1, say what to do, and leave
// everything as it was.
func (w *world) refuses(remedies ...string) {
	w.t.Helper()
	before, rows := w.ends(), w.counts()
	p := w.launch("run")
	if code := p.exit(60 * time.Second); code != 1 {
		w.t.Errorf("run ended with %d, not 1", code)
	}
	for _, remedy := range remedies {
		if !strings.Contains(p.said(), remedy) {
			w.t.Errorf("run does not speak of %q: %s", remedy, p.said())
		}
	}
	if after, now := w.ends(), w.counts(); fmt.Sprint(before, rows) != fmt.Sprint(after, now) {
		w.t.Errorf("run wrote something: %v %v, before %v %v", after, now, before, rows)
	}
}

// counts are how many rows each table has.
func (w *world) counts() string {
	w.t.Helper()
	// Of the changelog those count that no later row has replaced: when parts merge, the others go.
	return fmt.Sprint(w.query("SELECT table, total_rows FROM system.tables WHERE database = currentDatabase() AND table != 'changelog' ORDER BY table"),
		w.query("SELECT count() AS n, sum(batch) AS batches FROM changelog FINAL"))
}

func TestLost_Redis_that_was_flushed_is_noticed_at_start(t *testing.T) {
	t.Parallel()
	w := worked(t)
	w.publish(someTraffic(2)) // there would be something to do
	w.flush()
	w.refuses("Redis is empty", "grapevine rebuild")
}

func TestLost_Redis_that_is_flushed_is_noticed_in_mid_run(t *testing.T) {
	t.Parallel()
	w := worked(t)
	p := w.launch("run")
	await(t, 60*time.Second, "the worker has partitions", func() bool { return strings.Contains(p.said(), "joined the consumer group") })
	before, letters := w.counts(), len(w.read(consumers.DeadLetters))
	w.flush()
	w.publish(someTraffic(2))
	if code := p.exit(60 * time.Second); code != 1 {
		t.Errorf("run ended with %d, not 1", code)
	}
	if !strings.Contains(p.said(), "redis lost data") || !strings.Contains(p.said(), "grapevine rebuild") {
		t.Errorf("run does not say what happened and what to do: %s", p.said())
	}
	if after := w.counts(); before != after {
		t.Errorf("the worker wrote rows: %s, before %s", after, before)
	}
	if after := len(w.read(consumers.DeadLetters)); letters != after {
		t.Errorf("the worker wrote %d dead letters, before %d", after, letters)
	}
}

func (w *world) flush() {
	w.t.Helper()
	client := redis.NewClient(&redis.Options{Addr: w.redis.Addr})
	defer client.Close() //nolint:errcheck // one command only
	if err := client.FlushAll(w.t.Context()).Err(); err != nil {
		w.t.Fatal(err)
	}
}

func TestLost_topic_that_was_made_anew_is_noticed(t *testing.T) {
	t.Parallel()
	w := worked(t)
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	client := &kafka.Client{Addr: kafka.TCP(w.brokers)}
	topic := w.cluster.Names().Kafka(consumers.Clicks)
	answer, err := client.DeleteTopics(ctx, &kafka.DeleteTopicsRequest{Topics: []string{topic}})
	if err != nil || answer.Errors[topic] != nil {
		t.Fatal(err, answer)
	}
	w.createTopics()
	w.publish(someTraffic(2))
	w.refuses(topic+" was deleted and made anew", "begin a new installation")
}

func TestLost_topic_with_more_partitions_is_noticed(t *testing.T) {
	t.Parallel()
	w := worked(t)
	topic := w.addPartition(consumers.Conversions)
	w.refuses(topic+" had 2 partitions and has 3", "write to a topic with 2 partitions")
}

func TestLost_topic_that_gets_more_partitions_in_mid_run_is_noticed(t *testing.T) {
	t.Parallel()
	w := worked(t)
	p := w.launch("run")
	p.awaitJoined(1)
	topic := w.addPartition(consumers.Clicks)
	if code := p.exit(60 * time.Second); code != 1 {
		t.Errorf("run ended with %d, not 1", code)
	}
	for _, words := range []string{topic + " has 3 partitions now, it had 2", "write to a topic with 2 partitions"} {
		if !strings.Contains(p.said(), words) {
			t.Errorf("run does not speak of %q: %s", words, p.said())
		}
	}
}

// addPartition gives a topic a third one.
func (w *world) addPartition(contract string) (topic string) {
	w.t.Helper()
	ctx, cancel := context.WithTimeout(w.t.Context(), 30*time.Second)
	defer cancel()
	client := &kafka.Client{Addr: kafka.TCP(w.brokers)}
	topic = w.cluster.Names().Kafka(contract)
	answer, err := client.CreatePartitions(ctx, &kafka.CreatePartitionsRequest{Topics: []kafka.TopicPartitionsConfig{{Name: topic, Count: 3}}})
	if err != nil || answer.Errors[topic] != nil {
		w.t.Fatal(err, answer)
	}
	return topic
}
