package e2e

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/grapevinehq/grapevine/internal/enginetest"
)

// rebuild makes Redis anew, with nobody at work.
func (w *world) rebuild(flags ...string) *worker {
	w.t.Helper()
	p := w.launch(append([]string{"rebuild"}, flags...)...)
	if code := p.exit(60 * time.Second); code != 0 || !strings.Contains(p.said(), "Redis is made anew") {
		w.t.Fatalf("rebuild ended with %d: %s", code, p.said())
	}
	return p
}

// Redis is flushed under a worker, is rebuilt by a command that is killed, and moves
// to a cluster. The books are those of a run that lost nothing.
func TestRebuild_leaves_no_trace(t *testing.T) {
	t.Parallel()
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	w := newWorld(t, enginetest.Kafka(t).Addr, 2, []byte(trafficPrograms))
	w.settings["BATCH_MAX_EVENTS"] = "400" // several batches, so that some are done and some are not
	w.createTopics()
	g := newTraffic(seed)
	g.members()
	g.clicks(800)
	w.publish(g.messages)
	p := w.launch("run")
	p.awaitJoined(1)
	w.rebuildRefuses("workers run")
	g.messages = nil
	g.conversions(200)
	w.publish(g.messages)
	w.progresses()
	w.flush()
	if code := p.exit(60 * time.Second); code != 1 || !strings.Contains(p.said(), "grapevine rebuild") {
		t.Errorf("the worker ended with %d, and speaks of the remedy: %t", code, strings.Contains(p.said(), "grapevine rebuild"))
	}

	w.rebuildCutOff()
	if p := w.rebuild(); !strings.Contains(p.said(), "going on where a rebuild was cut off") {
		t.Errorf("the rebuild began again: %s", p.said())
	}
	w.goOn(g)
	w.rebuildRefuses("has lost nothing")

	w.settings["REDIS_ADDRS"], w.settings["REDIS_CLUSTER"] = strings.Join(enginetest.RedisCluster(t), ","), "true"
	delete(w.settings, "REDIS_ADDR")
	w.rebuild()
	w.goOn(g)

	reference := w.reading([]byte(trafficPrograms))
	reference.exitWhenIdle(90 * time.Second)
	compareWorlds(reference, w)
	w.checkOffsets()
	w.checkMessages()
	w.checkFinished()
}

// goOn works more conversions, and adjustments of old ones.
func (w *world) goOn(g *traffic) {
	w.t.Helper()
	g.messages = nil
	g.conversions(120)
	w.publish(g.messages)
	w.exitWhenIdle(90 * time.Second)
	w.agrees()
}

// rebuildRefuses has a rebuild change nothing.
func (w *world) rebuildRefuses(because string) {
	w.t.Helper()
	p := w.launch("rebuild")
	if code := p.exit(30 * time.Second); code != 1 || !strings.Contains(p.said(), because) {
		w.t.Errorf("rebuild ended with %d, and not because %s: %s", code, because, p.said())
	}
}

// rebuildCutOff kills a rebuild that has done some of its units, and not all.
func (w *world) rebuildCutOff() {
	w.t.Helper()
	client := redis.NewClient(&redis.Options{Addr: w.redis.Addr})
	defer client.Close()
	done := func() int64 { return client.HLen(w.t.Context(), "{g00}:restored").Val() }
	for range 10 {
		p := w.launch("rebuild", "--force")
		for p.running() && done() < 3 {
			time.Sleep(time.Millisecond)
		}
		p.signal(syscall.SIGKILL)
		<-p.ended
		if n := done(); n >= 3 {
			w.t.Log(fmt.Sprint("killed after ", n-1, " units"))
			return
		}
	}
	w.t.Fatal("no rebuild was killed before its end")
}
