package e2e

import (
	"math/rand/v2"
	"os"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/grapevinehq/grapevine/internal/enginetest"
)

// states are where a worker falls asleep, is asked to stop, and wakes up: taking a
// partition over, and in mid-batch of each stage and of what is due by the clock.
var states = []struct{ over, point string }{
	{"members", "clicks/take over/before"},
	{"members", "members/share/middle"},
	{"clicks", "clicks/journal/before"},
	{"conversions and holds due", "conversions/claim/middle"},
	{"conversions and holds due", "credits/draw/before"},
	{"conversions and holds due", "credits by the clock/journal/after"},
	{"fulfillments and decisions", "fulfillments/journal/after"},
}

// A worker that is asked to stop in any of these states does so with 0, in time, and
// in the end the books are those of one that was not. Three of them are drawn;
// SHUTDOWN_STATES=all tries all (make shutdown).
func TestShutdown_in_any_state(t *testing.T) {
	t.Parallel()
	m := newMatrix(t, crashPrograms)
	const timeout = 10 * time.Second
	m.settings["SHUTDOWN_TIMEOUT"] = timeout.String()
	tried := slices.Clone(states)
	if os.Getenv("SHUTDOWN_STATES") != "all" {
		rand.Shuffle(len(tried), func(i, j int) { tried[i], tried[j] = tried[j], tried[i] })
		tried = tried[:3]
	}
	var deaths []death
	for _, s := range tried {
		deaths = append(deaths, death{point: point{slices.IndexFunc(inputs, func(i input) bool { return i.name == s.over }), s.point}})
	}
	rounds := m.cast(deaths)
	m.publish(before(rounds))
	m.start()
	m.awaitRest()
	for _, r := range rounds {
		m.arm(r.name + " asleep")
		m.begin(r)
		if strings.Contains(r.name, "take over") {
			m.worker.stopsWithin(timeout)
			m.worker = m.launch("run")
		}
		await(t, crashPatience, r.String(), func() bool { return !m.armed() })
		time.Sleep(50 * time.Millisecond) // until it sleeps
		m.worker.signal(syscall.SIGTERM)
		m.worker.signal(syscall.SIGCONT)
		m.worker.endsWithin(timeout)
		t.Log("at " + r.name)
		m.start()
	}
	m.end()
	compareCrash(m.reference, m.world)
	m.checkMessages()
}

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
