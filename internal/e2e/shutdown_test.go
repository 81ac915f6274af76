package e2e

import (
	"fmt"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/grapevinehq/grapevine/internal/enginetest"
)

// patience is how long after its shutdown_timeout a worker may be seen alive: a
// loaded machine notices late.
const patience = 3 * time.Second

// stopsWithin asks a worker to stop, which must end with 0 within its
// shutdown_timeout.
func (p *worker) stopsWithin(timeout time.Duration) {
	p.t.Helper()
	p.signal(syscall.SIGTERM)
	p.endsWithin(timeout)
}

// endsWithin is for one that was asked to stop just now.
func (p *worker) endsWithin(timeout time.Duration) {
	p.t.Helper()
	began := time.Now()
	if code := p.exit(timeout + 30*time.Second); code != 0 {
		p.t.Errorf("%s ended with %d", p.name, code)
	}
	took := time.Since(began)
	p.t.Logf("ended after %s", took.Round(time.Millisecond))
	if took > timeout+patience {
		p.t.Errorf("%s took %s to stop, its shutdown_timeout is %s", p.name, took, timeout)
	}
}

// A worker that still waits for an engine, be it gone or hanging, stops when it is
// asked to.
func TestShutdown_while_an_engine_is_waited_for(t *testing.T) {
	t.Parallel()
	w := newWorld(t, enginetest.Kafka(t).Addr, 2, []byte(trafficPrograms))
	w.settings["SHUTDOWN_TIMEOUT"] = "2s"
	for _, engine := range []struct{ name, setting string }{{"redis", "REDIS_ADDR"}, {"clickhouse", "CLICKHOUSE_ADDR"}, {"kafka", "KAFKA_BROKERS"}} {
		for how, addr := range map[string]string{"away": freeAddress(t), "hanging": newDam(t, "").addr()} {
			t.Run(engine.name+" "+how, func(t *testing.T) {
				one := *w
				one.t, one.settings = t, map[string]string{}
				for k, v := range w.settings {
					one.settings[k] = v
				}
				one.settings[engine.setting], one.settings["HTTP_ADDR"] = addr, freeAddress(t)
				one.folder = t.TempDir()
				p := one.launch("run")
				await(t, 30*time.Second, "the worker waits for "+engine.name, func() bool {
					return strings.Contains(ask(one.settings["HTTP_ADDR"], "/readyz"), engine.name)
				})
				p.stopsWithin(2 * time.Second)
			})
		}
	}
}

// A worker whose engine hangs in mid-batch cannot finish it, nor can the conversions
// that wait for it at the barrier be decided. It stops in time all the same, and
// leaves nothing half-done: once the next one is done, each event stands in the books
// once, and what was published is what stands there.
func TestShutdown_in_mid_batch_while_an_engine_hangs(t *testing.T) {
	t.Parallel()
	for _, engine := range []string{"clickhouse", "redis"} {
		t.Run(engine, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, enginetest.Kafka(t).Addr, 2, []byte(trafficPrograms))
			w.smallBatches()
			w.settings["SHUTDOWN_TIMEOUT"] = "3s"
			w.createTopics()
			g := newTraffic(7)
			g.members()
			g.clicks(1500)
			g.conversions(300)
			w.publish(g.messages)
			setting := strings.ToUpper(engine) + "_ADDR"
			d := newDam(t, w.settings[setting])
			direct := w.settings[setting]
			w.settings[setting] = d.addr()
			p := w.launch("run")
			w.awaitProgress()
			d.set(true)
			w.awaitStandstill()
			p.stopsWithin(3 * time.Second)

			w.settings[setting] = direct
			w.exitWhenIdle(60 * time.Second)
			w.checkOffsets()
			w.checkMessages()
		})
	}
}

// A second signal ends a worker at once, whatever it waits for. The first one left
// it time to finish.
func TestShutdown_is_cut_short_by_a_second_signal(t *testing.T) {
	t.Parallel()
	w := newWorld(t, enginetest.Kafka(t).Addr, 2, []byte(trafficPrograms))
	w.createTopics()
	d := newDam(t, w.settings["CLICKHOUSE_ADDR"])
	w.settings["CLICKHOUSE_ADDR"] = d.addr()
	p := w.launch("run")
	await(t, 60*time.Second, "the worker has partitions", func() bool { return strings.Contains(p.said(), "joined the consumer group") })
	d.set(true)
	w.publish(someTraffic(1))
	w.awaitProgress() // of the bounds
	w.awaitStandstill()
	p.signal(syscall.SIGTERM)
	time.Sleep(time.Second)
	if !p.running() {
		t.Fatal("the worker did not wait for its batch")
	}
	began := time.Now()
	p.signal(syscall.SIGTERM)
	<-p.ended
	if took := time.Since(began); took > patience {
		t.Errorf("it took %s to end at once", took)
	}
}

// Workers that are asked to stop while the group rebalances do so.
func TestShutdown_during_a_rebalance(t *testing.T) {
	t.Parallel()
	w := newWorld(t, enginetest.Kafka(t).Addr, 4, []byte(trafficPrograms))
	w.smallBatches()
	w.settings["SHUTDOWN_TIMEOUT"] = "10s"
	w.createTopics()
	g := newTraffic(11)
	g.members()
	g.clicks(2000)
	g.conversions(300)
	w.publish(g.messages)
	workers := []*worker{w.launch("run"), w.launch("run")}
	for _, p := range workers {
		await(t, 60*time.Second, "both have partitions", func() bool { return strings.Contains(p.said(), "joined the consumer group") })
	}
	generations := strings.Count(workers[0].said(), "generation ended")
	third := w.launch("run")
	await(t, 60*time.Second, "the group rebalances", func() bool { return strings.Count(workers[0].said(), "generation ended") > generations })
	for _, p := range append(workers, third) {
		p.signal(syscall.SIGTERM)
	}
	for _, p := range append(workers, third) {
		p.endsWithin(10 * time.Second)
	}
	w.exitWhenIdle(60 * time.Second)
	w.checkOffsets()
	w.checkMessages()
}

// awaitStandstill waits until nothing moves any more, though not all is done.
func (w *world) awaitStandstill() {
	w.t.Helper()
	stands := ""
	await(w.t, 60*time.Second, "nothing moves any more", func() bool {
		before := stands
		time.Sleep(time.Second)
		stands = fmt.Sprint(w.lags())
		return stands == before
	})
	if w.done() {
		w.t.Fatal("all was done too early: there must be more traffic")
	}
}
