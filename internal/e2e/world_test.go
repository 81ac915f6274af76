package e2e

import (
	"context"
	"fmt"
	"maps"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/grapevinehq/grapevine/consumers"
	"github.com/grapevinehq/grapevine/internal/engine"
	"github.com/grapevinehq/grapevine/internal/enginetest"
	"github.com/grapevinehq/grapevine/pipeline"
)

// world is one installation: engines, topics, settings, programs.
type world struct {
	t          testing.TB
	folder     string
	brokers    string
	prefix     string // of topics and group
	partitions int
	redis      *engine.Redis
	clickHouse string
	database   string
	program    func() (string, error) // builds what is launched
	settings   map[string]string      // GRAPEVINE_* variables
	failPoints string                 // the folder that steers them, in a program that has them
	cluster    *consumers.Cluster
	launched   int
	letters    map[string]string // reason of dead letters by position, once they are asked for
}

// newWorld is an empty installation at a broker, with Redis and a database of
// its own.
func newWorld(t testing.TB, brokers string, partitions int, programs []byte) *world {
	t.Helper()
	w := &world{
		t: t, folder: t.TempDir(), brokers: brokers, partitions: partitions, program: binary,
		prefix: fmt.Sprintf("e%08x-", rand.Uint32()), redis: enginetest.RedisAlone(t),
	}
	w.clickHouse, w.database = enginetest.ClickHouse(t)
	path := filepath.Join(w.folder, "programs.yaml")
	if err := os.WriteFile(path, programs, 0o600); err != nil {
		t.Fatal(err)
	}
	w.settings = map[string]string{
		"KAFKA_BROKERS":            brokers,
		"KAFKA_GROUP":              w.prefix + "group",
		"KAFKA_TOPIC_PREFIX":       w.prefix,
		"KAFKA_PARTITIONS":         fmt.Sprint(partitions),
		"KAFKA_SESSION_TIMEOUT":    sessionTimeout.String(),
		"KAFKA_REBALANCE_TIMEOUT":  sessionTimeout.String(),
		"KAFKA_HEARTBEAT_INTERVAL": "200ms",
		"REDIS_ADDR":               w.redis.Addr,
		"CLICKHOUSE_ADDR":          w.clickHouse,
		"CLICKHOUSE_DATABASE":      w.database,
		"HTTP_ADDR":                "127.0.0.1:0",
		"PROGRAMS":                 path,
		"HASH_SECRET":              "a secret of the tests, 32 bytes long",
		"SHUTDOWN_TIMEOUT":         "60s", // longer than a test waits for it
	}
	w.connect(consumers.Names{Prefix: w.prefix})
	return w
}

// sessionTimeout is short, so that a dead worker is soon replaced.
const sessionTimeout = 2500 * time.Millisecond

func (w *world) connect(names consumers.Names) {
	w.t.Helper()
	cluster, err := consumers.Open(consumers.Options{Brokers: []string{w.brokers}, Group: w.settings["KAFKA_GROUP"], Names: names})
	if err != nil {
		w.t.Fatal(err)
	}
	w.t.Cleanup(cluster.Close)
	w.cluster = cluster
}

// reading is another installation that reads the inputs of this one, with
// engines, group and further topics of its own.
func (w *world) reading(programs []byte) *world {
	w.t.Helper()
	other := newWorld(w.t, w.brokers, w.partitions, programs)
	names := consumers.Names{Prefix: other.prefix, Renames: map[string]string{}}
	for _, topic := range consumers.Inputs() {
		if topic == consumers.Credits { // made by the pipeline itself
			continue
		}
		names.Renames[topic] = w.cluster.Names().Kafka(topic)
		other.settings["KAFKA_TOPICS_"+strings.ToUpper(strings.TrimPrefix(topic, "referral."))] = names.Renames[topic]
	}
	other.connect(names)
	return other
}

// environment is what a worker sees: the machine's variables and our settings.
func (w *world) environment() []string {
	environment := slices.DeleteFunc(os.Environ(), func(v string) bool { return strings.HasPrefix(v, "GRAPEVINE_") })
	for _, key := range slices.Sorted(maps.Keys(w.settings)) {
		environment = append(environment, "GRAPEVINE_"+key+"="+w.settings[key])
	}
	return append(environment, "FAILPOINTS="+w.failPoints)
}

// createTopics makes what `run` would make.
func (w *world) createTopics() {
	w.t.Helper()
	ctx, cancel := context.WithTimeout(w.t.Context(), 30*time.Second)
	defer cancel()
	if _, err := w.cluster.CreateTopics(ctx, consumers.TopicSettings{Partitions: w.partitions, Replication: 1}); err != nil {
		w.t.Fatal(err)
	}
}

// publish writes records by key, as Java's producer does.
func (w *world) publish(messages []pipeline.Message) {
	w.t.Helper()
	ctx, cancel := context.WithTimeout(w.t.Context(), 60*time.Second)
	defer cancel()
	if err := consumers.NewPublisher(w.cluster).Publish(ctx, messages); err != nil {
		w.t.Fatal(err)
	}
}

// await asks until something is so.
func await(t testing.TB, within time.Duration, what string, so func() bool) {
	t.Helper()
	ticker := time.NewTicker(50 * time.Millisecond)
	defer ticker.Stop()
	timeout := time.After(within)
	for !so() {
		select {
		case <-ticker.C:
		case <-timeout:
			t.Fatalf("waited %s in vain until %s", within, what)
		}
	}
}

// lags are how far the group is.
func (w *world) lags() []consumers.Lag {
	w.t.Helper()
	ctx, cancel := context.WithTimeout(w.t.Context(), 20*time.Second)
	defer cancel()
	lags, err := w.cluster.Lags(ctx)
	if err != nil {
		w.t.Fatal(err)
	}
	return lags
}

// done tells whether all that was written has been acknowledged. What a batch
// publishes lies in Kafka before the batch is acknowledged, and the commits are
// read before the ends, so nothing is on its way then.
func (w *world) done() bool {
	for _, l := range w.lags() {
		if l.Committed < l.End {
			return false
		}
	}
	return true
}

// awaitDone waits until the workers have worked everything off.
func (w *world) awaitDone(within time.Duration, workers ...*worker) {
	w.t.Helper()
	await(w.t, within, "everything is acknowledged", func() bool {
		for _, p := range workers {
			if !p.running() {
				w.t.Fatalf("%s ended by itself", p.name)
			}
		}
		return w.done()
	})
}
