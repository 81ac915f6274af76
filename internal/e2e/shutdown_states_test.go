package e2e

import (
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/grapevinehq/grapevine/internal/enginetest"
)

// A worker that waits to be let into the group, as another member does not answer, stops.
func TestShutdown_while_joining(t *testing.T) {
	t.Parallel()
	w := newWorld(t, enginetest.Kafka(t).Addr, 2, []byte(trafficPrograms))
	w.settings["SHUTDOWN_TIMEOUT"] = "2s"
	w.settings["KAFKA_SESSION_TIMEOUT"], w.settings["KAFKA_REBALANCE_TIMEOUT"] = "30s", "30s"
	w.createTopics()
	sleeper := w.launch("run")
	sleeper.awaitMembership()
	sleeper.signal(syscall.SIGSTOP)
	p := w.launch("run")
	await(t, 60*time.Second, "the worker has started", func() bool { return strings.Contains(p.said(), "the pipeline runs") })
	time.Sleep(time.Second)
	if strings.Contains(p.said(), "joined the consumer group") {
		t.Fatal("the group did not wait for a member that sleeps")
	}
	p.stopsWithin(2 * time.Second)
}

// A worker that takes over while Redis hangs stops.
func TestShutdown_in_a_takeover_while_an_engine_hangs(t *testing.T) {
	t.Parallel()
	w := newWorld(t, enginetest.Kafka(t).Addr, 2, []byte(trafficPrograms))
	w.createTopics()
	leaver := w.launch("run")
	leaver.awaitMembership()
	d := newDam(t, w.settings["REDIS_ADDR"])
	w.settings["REDIS_ADDR"], w.settings["SHUTDOWN_TIMEOUT"] = d.addr(), "3s"
	p := w.launch("run")
	p.awaitMembership()
	d.set(true)
	if code := leaver.stop(60 * time.Second); code != 0 {
		t.Errorf("%s ended with %d", leaver.name, code)
	}
	p.awaitJoined(2)
	time.Sleep(500 * time.Millisecond)
	p.stopsWithin(3 * time.Second)
}
