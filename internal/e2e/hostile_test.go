package e2e

import (
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/segmentio/kafka-go"
	"github.com/segmentio/kafka-go/compress"

	"github.com/grapevinehq/grapevine/consumers"
	"github.com/grapevinehq/grapevine/internal/enginetest"
)

// Batches of some kilobytes that unpack to very much, floods of headers, and events
// made to exhaust whoever decodes them: each is a dead letter that fits into its
// topic, the worker stays small, and what comes behind them is taken.
func TestHostile_input_ends_as_dead_letters(t *testing.T) {
	t.Parallel()
	w := newWorld(t, enginetest.Kafka(t).Addr, 1, []byte(trafficPrograms))
	w.createTopics()
	flood := make([]kafka.Header, 1<<16)
	for i := range flood {
		flood[i] = kafka.Header{Key: "ce_id"}
	}
	good := func(id string) kafka.Record {
		m := w.told(consumers.Clicks, id, "click.recorded", map[string]any{"referrer_id": "ann", "visitor_id": id})
		return kafka.Record{Key: kafka.NewBytes(m.Key), Value: kafka.NewBytes(m.Value)}
	}
	value := func(text string) kafka.Record {
		return kafka.Record{Key: kafka.NewBytes([]byte("k")), Value: kafka.NewBytes([]byte(text))}
	}
	megabytes := strings.Repeat("x", 20<<20)
	w.produce(consumers.Clicks, compress.Zstd, value(megabytes), good("v1"))
	w.produce(consumers.Clicks, compress.Gzip, kafka.Record{Key: kafka.NewBytes([]byte(megabytes)), Value: kafka.NewBytes([]byte("{}"))}, good("v2"))
	flooded := good("v3")
	flooded.Headers = flood
	w.produce(consumers.Clicks, compress.Lz4, flooded, good("v4"))
	w.produce(consumers.Clicks, compress.Snappy, value(megabytes[:5<<20]), value(strings.Repeat("[", 1<<20)), value(`{"id":"`+megabytes[:1<<19]), good("v5"))

	t.Log("produced")
	p := w.launch("run", "--exit-when-idle")
	if code := p.exit(120 * time.Second); code != 0 {
		t.Fatalf("the worker ended with %d", code)
	}
	t.Log("worked")
	rows := w.query("SELECT visitor_id AS v FROM clicks ORDER BY v")
	var taken []string
	for _, r := range rows {
		taken = append(taken, r["v"].(string))
	}
	if got := strings.Join(taken, " "); got != "v1 v2 v4 v5" {
		t.Errorf("clicks of %q are taken", got)
	}
	letters := w.read(consumers.DeadLetters)
	if len(letters) != 6 {
		t.Errorf("%d dead letters, want 6", len(letters))
	}
	for _, l := range letters {
		if n := len(l.Key) + len(l.Value); n > 4<<20 || len(l.Headers) > 1<<16 {
			t.Errorf("a dead letter of %d bytes and %d headers", n, len(l.Headers))
		}
	}
	peak := p.cmd.ProcessState.SysUsage().(*syscall.Rusage).Maxrss >> 10 // KiB on Linux
	t.Logf("the worker took %d MiB at most", peak)
	if most := int64(700); !raceDetector && peak > most {
		t.Errorf("the worker took %d MiB, want %d at most", peak, most)
	}
}

// produce writes one batch to the first partition of a topic.
func (w *world) produce(topic string, codec compress.Compression, records ...kafka.Record) {
	w.t.Helper()
	client := &kafka.Client{Addr: kafka.TCP(w.brokers), Timeout: 60 * time.Second}
	answer, err := client.Produce(w.t.Context(), &kafka.ProduceRequest{
		Topic: w.cluster.Names().Kafka(topic), RequiredAcks: kafka.RequireAll, Compression: codec, Records: kafka.NewRecordReader(records...),
	})
	if err == nil {
		err = answer.Error
	}
	if err != nil {
		w.t.Fatal(err)
	}
}
