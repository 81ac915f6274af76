package e2e

import (
	"bytes"
	"fmt"
	"io"
	"net"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/segmentio/kafka-go"
	"github.com/segmentio/kafka-go/compress"

	"github.com/grapevinehq/grapevine/consumers"
	"github.com/grapevinehq/grapevine/internal/enginetest"
	"github.com/grapevinehq/grapevine/pipeline"
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

// Thousands of orgs, programs, referrers, types and kinds that nobody knows make no metric
// of their own: what a worker tells of itself is as long after them as before.
func TestHostile_names_make_no_metrics(t *testing.T) {
	t.Parallel()
	w := newWorld(t, enginetest.Kafka(t).Addr, 1, []byte(trafficPrograms))
	w.settings["HTTP_ADDR"] = freeAddress(t)
	w.createTopics()
	p := w.launch("run")
	series := func(round int) (n int) {
		var messages []pipeline.Message
		for i := range 1000 {
			name := fmt.Sprintf("n%d-%d", round, i)
			for topic, m := range map[string]pipeline.Message{
				consumers.Clicks:       w.told(consumers.Clicks, name, "click.recorded", map[string]any{"referrer_id": name, "visitor_id": name, "channel": name, "referer_url": "https://" + name + ".example.com"}),
				consumers.Conversions:  w.told(consumers.Conversions, name, "conversion.recorded", map[string]any{"kind": name, "customer_id": name}),
				consumers.Members:      w.told(consumers.Members, name+"/m", "member.updated", map[string]any{"member_id": "m", "status": name}),
				consumers.Fulfillments: w.told(consumers.Fulfillments, name, name, map[string]any{"reward_id": name}),
			} {
				messages = append(messages, m)
				for _, known := range []string{"acme", "shop"} { // another org, another program
					stranger := m
					stranger.Topic, stranger.Value = topic, bytes.Replace(m.Value, []byte(`"`+known+`"`), []byte(`"`+name+`"`), 1)
					messages = append(messages, stranger)
				}
			}
		}
		w.publish(messages)
		w.awaitDone(60*time.Second, p)
		status, body := w.get("/metrics", "")
		if status != 200 || strings.Contains(body, fmt.Sprintf("n%d-", round)) {
			t.Errorf("status %d, and names of events in %.300s", status, body)
		}
		for _, line := range strings.Split(body, "\n") {
			if strings.HasPrefix(line, "grapevine_") && !strings.HasPrefix(line, "grapevine_lag_events") {
				n++
			}
		}
		return n
	}
	first := series(1)
	if second := series(2); second > first+20 || second < 50 { // what happens for the first time, such as a retry, has a series too
		t.Errorf("%d series after the first round, %d after the second", first, second)
	}
	for what, request := range map[string]string{"a header": "GET /metrics HTTP/1.1\r\nHost: h\r\nX: " + strings.Repeat("x", 1<<20), "a path": "GET /" + strings.Repeat("x", 1<<20) + " HTTP/1.1"} {
		conn, err := net.Dial("tcp", w.settings["HTTP_ADDR"])
		if err != nil {
			t.Fatal(err)
		}
		go func() { _, _ = conn.Write([]byte(request + "\r\n\r\n")) }() // it may be cut off
		_ = conn.SetDeadline(time.Now().Add(30 * time.Second))
		answer := make([]byte, len("HTTP/1.1 431"))
		if _, err := io.ReadFull(conn, answer); err != nil || string(answer) != "HTTP/1.1 431" {
			t.Errorf("%s of a megabyte is answered with %q (%v)", what, answer, err)
		}
		_ = conn.Close()
	}
	p.kill()
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
