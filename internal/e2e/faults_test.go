package e2e

import (
	"fmt"
	"math/rand/v2"
	"syscall"
	"testing"
	"time"

	"github.com/grapevinehq/grapevine/internal/enginetest"
)

// Workers are killed and frozen while they work. The books are those of a run
// of the same input without faults.
func TestFaults_leave_no_trace(t *testing.T) {
	t.Parallel()
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	w := newWorld(t, enginetest.Kafka(t).Addr, 4, []byte(trafficPrograms))
	w.smallBatches()
	w.createTopics()
	g := newTraffic(seed)
	g.members()
	g.clicks(6000)
	w.publish(g.messages)
	workers := []*worker{w.launch("run"), w.launch("run")}
	g.messages = nil
	g.conversions(2000)
	w.publish(g.messages)

	faults := w.torment(g, workers, 18*time.Second)
	if faults["kill"] < 3 || faults["freeze"] < 1 {
		t.Errorf("only %v before all was done: there must be more traffic", faults)
	}
	t.Log("finishing")
	w.exitWhenIdle(3 * time.Minute)

	t.Log("working the reference")
	reference := w.reading([]byte(trafficPrograms))
	reference.exitWhenIdle(3 * time.Minute)
	t.Log("comparing")
	compareWorlds(reference, w)
	t.Log("checking")
	for _, each := range []*world{w, reference} {
		each.checkOffsets()
		each.checkMessages()
		each.checkFinished()
		each.judge(time.Time{})
		each.agrees()
	}
}

// smallBatches make many of them, so that a crash hits every step.
func (w *world) smallBatches() {
	w.settings["BATCH_MAX_EVENTS"] = "100"
	w.settings["BATCH_MAX_WAIT"] = "20ms"
}

// torment kills and freezes workers until all is done, or for a while, and
// kills all that are left. It counts what it did.
func (w *world) torment(g *traffic, workers []*worker, most time.Duration) map[string]int {
	w.t.Helper()
	faults := map[string]int{}
	began := time.Now()
	for n := 0; time.Since(began) < most && w.progresses(); n++ {
		time.Sleep(time.Duration(g.IntN(1000)) * time.Millisecond)
		i := g.IntN(len(workers))
		if !workers[i].running() {
			w.t.Fatalf("%s ended by itself", workers[i].name)
		}
		if n%4 == 1 {
			// Longer than the session: it comes back as a zombie.
			workers[i].signal(syscall.SIGSTOP)
			time.Sleep(sessionTimeout + time.Second)
			workers[i].signal(syscall.SIGCONT)
			faults["freeze"]++
			continue
		}
		workers[i].kill()
		workers[i] = w.launch("run")
		faults["kill"]++
	}
	for _, p := range workers {
		p.kill()
	}
	w.t.Logf("%v in %s", faults, time.Since(began))
	return faults
}

// progresses waits until something was acknowledged, so that the next fault hits
// work and not only the group's rebalance. It is false when all is done.
func (w *world) progresses() bool {
	w.t.Helper()
	before := fmt.Sprint(w.lags())
	done := false
	await(w.t, 60*time.Second, "something is acknowledged", func() bool {
		done = w.done()
		return done || fmt.Sprint(w.lags()) != before
	})
	return !done
}

// exitWhenIdle has one worker finish what there is.
func (w *world) exitWhenIdle(within time.Duration) {
	w.t.Helper()
	if code := w.launch("run", "--exit-when-idle").exit(within); code != 0 {
		w.t.Fatalf("run --exit-when-idle ended with %d", code)
	}
	if !w.done() {
		w.t.Error("run --exit-when-idle left something undone")
	}
}

// checkFinished has another worker look for something to do: there is nothing,
// and Redis agrees with Kafka and ClickHouse about that.
func (w *world) checkFinished() {
	w.t.Helper()
	before := w.ends()
	rows := w.counts()
	w.exitWhenIdle(60 * time.Second)
	if after := w.ends(); fmt.Sprint(before) != fmt.Sprint(after) {
		w.t.Errorf("a worker with nothing to do wrote to Kafka: ends %v, before %v", after, before)
	}
	if again := w.counts(); rows != again {
		w.t.Errorf("a worker with nothing to do wrote to ClickHouse: %s, before %s", again, rows)
	}
}
