package e2e

import (
	"context"
	"fmt"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/grapevinehq/grapevine/consumers"
	"github.com/grapevinehq/grapevine/internal/enginetest"
	"github.com/grapevinehq/grapevine/pipeline"
)

// A rolling restart of four workers under load stalls no partition for long: whoever
// leaves says so, and the others take over at once. Two of them are restarted, with a
// bound that leaves room for a loaded machine; GRAPEVINE_STALL=5s restarts all and
// holds them to what is promised (make rolling).
func TestRolling_restart_stalls_no_partition(t *testing.T) {
	most, restarts := 20*time.Second, 2
	if bound := os.Getenv("GRAPEVINE_STALL"); bound == "" {
		t.Parallel()
	} else {
		var err error
		if most, err = time.ParseDuration(bound); err != nil {
			t.Fatal(err)
		}
		restarts = 4
	}
	w := newWorld(t, enginetest.Kafka(t).Addr, 4, []byte(trafficPrograms))
	for _, key := range []string{"KAFKA_SESSION_TIMEOUT", "KAFKA_REBALANCE_TIMEOUT", "KAFKA_HEARTBEAT_INTERVAL", "SHUTDOWN_TIMEOUT"} {
		delete(w.settings, key) // as they are by default
	}
	w.createTopics()
	var workers []*worker
	for range 4 {
		workers = append(workers, w.launch("run"))
	}
	for _, p := range workers {
		p.awaitMembership()
	}
	load := w.startLoad()
	stalls := w.watchStalls()
	for i := range restarts {
		old := workers[i]
		if code := old.stop(60 * time.Second); code != 0 {
			t.Errorf("%s ended with %d", old.name, code)
		}
		workers[i] = w.launch("run")
		workers[i].awaitMembership()
		time.Sleep(time.Second) // some load in peace
	}
	longest, where := stalls()
	sent := load()
	t.Logf("%d events; the longest that a partition stood still was %s (%s)", sent, longest.Round(10*time.Millisecond), where)
	if longest > most {
		t.Errorf("%s stood still for %s, want %s at most", where, longest, most)
	}
	w.awaitDone(60*time.Second, workers...)
	for _, p := range workers {
		p.kill()
	}
	if n := w.query("SELECT uniqExact(event_id) AS n, count() AS rows FROM clicks")[0]; number(n["n"]) != number(n["rows"]) || number(n["n"]) == 0 {
		t.Errorf("%v clicks in %v rows", n["n"], n["rows"])
	}
}

func (p *worker) awaitMembership() {
	p.t.Helper()
	await(p.t, 60*time.Second, p.name+" has partitions", func() bool { return strings.Contains(p.said(), "joined the consumer group") })
}

// startLoad writes clicks and conversions to every partition, some hundred a second,
// until it is stopped: then it tells how many.
func (w *world) startLoad() (stop func() (sent int)) {
	ctx, cancel := context.WithCancel(w.t.Context())
	var running sync.WaitGroup
	n := 0
	running.Go(func() {
		publisher := consumers.NewPublisher(w.cluster)
		for round := 0; ctx.Err() == nil; round++ {
			var messages []pipeline.Message
			for i := range 40 {
				id := fmt.Sprintf("%d-%d", round, i)
				messages = append(messages, w.told(consumers.Clicks, id, "click.recorded", map[string]any{"referrer_id": "ann", "visitor_id": id}))
				if i < 20 {
					messages = append(messages, w.told(consumers.Conversions, id, "identity.linked", map[string]any{"customer_id": id, "visitor_id": id}))
				}
			}
			if err := publisher.Publish(context.WithoutCancel(ctx), messages); err != nil {
				w.t.Errorf("publish: %v", err)
				return
			}
			n += len(messages)
			select {
			case <-time.After(100 * time.Millisecond):
			case <-ctx.Done():
			}
		}
	})
	return func() int {
		cancel()
		running.Wait()
		return n
	}
}

// watchStalls looks at the commits of clicks and conversions until it is stopped:
// then it tells for how long one stood still at most, and where.
func (w *world) watchStalls() (stop func() (time.Duration, string)) {
	ctx, cancel := context.WithCancel(w.t.Context())
	type partition struct {
		topic string
		id    int
	}
	type mark struct {
		at     int64
		since  time.Time
		begins bool // has moved, so that it is known to be under load
	}
	var longest time.Duration
	var where string
	var running sync.WaitGroup
	running.Go(func() {
		marks := map[partition]mark{}
		for ctx.Err() == nil {
			lags, err := w.cluster.Lags(ctx, consumers.Clicks, consumers.Conversions)
			if err != nil {
				continue // asked again at once; the time goes on
			}
			now := time.Now()
			for _, l := range lags {
				p := partition{l.Topic, l.Partition}
				m, known := marks[p]
				if stood := now.Sub(m.since); known && m.begins && stood > longest {
					longest, where = stood, fmt.Sprintf("%s/%d", p.topic, p.id)
				}
				if !known || l.Committed != m.at {
					marks[p] = mark{l.Committed, now, known}
				}
			}
			time.Sleep(50 * time.Millisecond)
		}
	})
	return func() (time.Duration, string) {
		cancel()
		running.Wait()
		return longest, where
	}
}
