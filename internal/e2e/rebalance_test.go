package e2e

import (
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"github.com/grapevinehq/grapevine/internal/enginetest"
)

// A worker joins in mid-run, and the first one leaves as an operator has it.
func TestRebalance_leaves_no_trace(t *testing.T) {
	t.Parallel()
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	w := newWorld(t, enginetest.Kafka(t).Addr, 4, []byte(trafficPrograms))
	w.smallBatches()
	w.createTopics()
	g := newTraffic(seed)
	g.members()
	g.clicks(4000)
	g.conversions(1000)
	w.publish(g.messages)

	first := w.launch("run")
	w.awaitProgress()
	second := w.launch("run")
	await(t, 60*time.Second, "the second worker has partitions", func() bool {
		return strings.Contains(second.said(), "joined the consumer group")
	})
	w.awaitProgress()
	if code := first.stop(25 * time.Second); code != 0 {
		t.Errorf("the worker that was asked to stop ended with %d", code)
	}
	w.awaitDone(60*time.Second, second)
	if code := second.stop(25 * time.Second); code != 0 {
		t.Errorf("the last worker ended with %d", code)
	}

	reference := w.reading([]byte(trafficPrograms))
	reference.exitWhenIdle(60 * time.Second)
	compareWorlds(reference, w)
	w.checkOffsets()
	w.checkMessages()
	w.checkFinished()
}

// awaitProgress waits until some work was acknowledged, and fails if that was
// all: then the test is about nothing.
func (w *world) awaitProgress() {
	w.t.Helper()
	if !w.progresses() {
		w.t.Error("all was done too early: there must be more traffic")
	}
}
