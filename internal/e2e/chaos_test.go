package e2e

import (
	"context"
	"fmt"
	"maps"
	"math/rand/v2"
	"os"
	"slices"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/grapevinehq/grapevine/consumers"
)

const (
	chaosWorkers = 3
	chaosSession = 5 * time.Second
	// chaosLength is how long disasters go on, and chaosSeed which they are, unless
	// CHAOS_MINUTES and CHAOS_SEED say otherwise. That seed has nearly every kind.
	chaosLength = 20 * time.Second
	chaosSeed   = 912
	// chaosRate is how many events are written a second.
	chaosRate = 300
)

// chaos is an installation under traffic and disasters.
type chaos struct {
	*world
	*engines
	workers []*worker
	alone   map[string]*sync.Mutex // of what can be hit
	mu      sync.Mutex
	counts  map[string]int // of faults, by name
	written int
}

// Everything breaks at once, under load: workers, engines, the network between
// them, and what they have stored. Afterwards the books, the topics and the memory
// are those of a run without faults.
func TestChaos_leaves_no_trace(t *testing.T) {
	t.Parallel()
	seed, length := chaosOptions(t)
	e := startEngines(t)
	c := &chaos{world: newChaosWorld(t, e), engines: e, alone: map[string]*sync.Mutex{}, counts: map[string]int{}}
	for range chaosWorkers {
		c.workers = append(c.workers, c.launch("run"))
	}
	g := newTraffic(seed)
	g.step, g.holds = 3*time.Second, true
	g.members()
	c.publish(g.messages)
	c.awaitDone(2*time.Minute, c.workers...) // there is an installation that can lose something
	plan := schedule(seed, length)
	t.Logf("CHAOS_SEED=%d, %d faults in %s:", seed, len(plan), length)
	for _, d := range plan {
		t.Log(d)
		for _, name := range d.on {
			c.alone[name] = new(sync.Mutex)
		}
	}
	c.play(g, length, plan)

	for c.progresses() { // however long it takes
	}
	for i, p := range c.workers {
		if err := c.lives(i); err != nil {
			t.Error(err)
		}
		if code := p.stop(60 * time.Second); code != 0 {
			t.Errorf("%s ended with %d", p.name, code)
		}
	}
	c.exitWhenIdle(2 * time.Minute)
	c.judge()
	for _, name := range slices.Sorted(maps.Keys(c.counts)) {
		t.Logf("%4d times: %s", c.counts[name], name)
	}
	t.Logf("%d events written and judged", c.written)
}

func chaosOptions(t *testing.T) (seed uint64, length time.Duration) {
	t.Helper()
	seed, length = chaosSeed, chaosLength
	if text := os.Getenv("CHAOS_MINUTES"); text != "" {
		minutes, err := strconv.ParseFloat(text, 64)
		if err != nil {
			t.Fatal(err)
		}
		seed, length = rand.Uint64(), time.Duration(minutes*float64(time.Minute))
	}
	if text := os.Getenv("CHAOS_SEED"); text != "" {
		var err error
		if seed, err = strconv.ParseUint(text, 10, 64); err != nil {
			t.Fatal(err)
		}
	}
	return seed, length
}

// play writes traffic and has each disaster strike at its time, until all are over.
func (c *chaos) play(g *traffic, length time.Duration, plan []disaster) {
	began := time.Now()
	var striking sync.WaitGroup
	striking.Go(func() { c.traffic(g, began.Add(length)) })
	for _, d := range plan {
		time.Sleep(time.Until(began.Add(d.at)))
		if c.t.Failed() {
			break
		}
		striking.Go(func() { c.strike(d) })
	}
	striking.Wait()
}

// strike waits until what it hits has recovered from earlier ones.
func (c *chaos) strike(d disaster) {
	for _, name := range slices.Sorted(slices.Values(d.on)) { // in one order, so that none waits for another
		c.alone[name].Lock()
		defer c.alone[name].Unlock()
	}
	if err := d.fault.inject(c, d); err != nil {
		c.t.Errorf("%s: %v", d, err)
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.counts[d.fault.name]++
}

// traffic writes events at a rate, as long as it takes.
func (c *chaos) traffic(g *traffic, until time.Time) {
	publisher := consumers.NewPublisher(c.cluster)
	ctx, cancel := context.WithDeadline(context.Background(), until.Add(2*time.Minute))
	defer cancel()
	for tick := time.NewTicker(time.Second); time.Now().Before(until); <-tick.C {
		// Conversions follow their clicks, in Kafka and in time: one that overtakes a
		// click is decided without it, as promised, and not as in another reading.
		g.made += int(time.Hour / g.step)
		for _, write := range []func(){func() { g.clicks(chaosRate * 3 / 4) }, func() { g.conversions(chaosRate / 4) }} {
			g.messages = nil
			write()
			if err := publisher.Publish(ctx, g.messages); err != nil {
				c.t.Errorf("write traffic: %v", err)
				return
			}
			c.written += len(g.messages)
		}
	}
}

// slot is the number of the worker that a disaster hits.
func (c *chaos) slot(d disaster) (i int) {
	if _, err := fmt.Sscanf(d.on[0], "worker %d", &i); err != nil {
		c.t.Fatal(err)
	}
	return i
}

// lives tells if a worker has ended by itself: no fault is a reason for it.
func (c *chaos) lives(i int) error {
	if !c.workers[i].running() {
		return fmt.Errorf("%s had ended by itself", c.workers[i].name)
	}
	return nil
}

// judge compares everything with a run of the same input without faults.
func (c *chaos) judge() {
	c.t.Helper()
	reference := c.reading([]byte(chaosPrograms))
	reference.exitWhenIdle(5 * time.Minute)
	compareWorlds(reference, c.world)
	for _, w := range []*world{c.world, reference} {
		w.checkOffsets()
		w.checkMessages()
		w.checkFinished()
	}
}
