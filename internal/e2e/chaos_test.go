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
	chaosSeed   = 810
	// chaosRate is how many events are written a second, unless CHAOS_RATE says otherwise;
	// of more than that the rest are clicks.
	chaosRate        = 300
	chaosConversions = chaosRate / 4
	// chaosCompared is up to how many events everything is compared with an undisturbed
	// installation. It is held in memory; beyond that the judge is alone.
	chaosCompared = 300_000
)

// chaos is an installation under traffic and disasters.
type chaos struct {
	*world
	*engines
	workers []*worker
	witness *worker                // of a soak: no fault ends it
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
	o := chaosOptions(t)
	e := startEngines(t)
	c := &chaos{world: newChaosWorld(t, e), engines: e, alone: map[string]*sync.Mutex{}, counts: map[string]int{}}
	for range chaosWorkers {
		c.workers = append(c.workers, c.launch("run"))
	}
	g := newTraffic(o.seed)
	g.step, g.chaos = 3*time.Second, true
	g.visitors, g.customers = g.visitors*max(o.rate, chaosRate)/chaosRate, g.customers*max(o.rate, chaosRate)/chaosRate
	g.members()
	c.publish(g.messages)
	c.awaitDone(2*time.Minute, c.workers...) // there is an installation that can lose something
	plan := schedule(o.seed, o.length, o.soak)
	t.Logf("CHAOS_SEED=%d, %d faults in %s:", o.seed, len(plan), o.length)
	for _, d := range plan {
		t.Log(d)
		for _, name := range d.on {
			c.alone[name] = new(sync.Mutex)
		}
	}
	levels := func() {}
	if o.soak {
		levels = c.watchLevels(o.length)
	}
	c.play(g, o, plan)
	levels()

	for c.progresses() { // however long it takes
	}
	c.stopAll()
	c.exitWhenIdle(5 * time.Minute)
	c.examine()
	for _, name := range slices.Sorted(maps.Keys(c.counts)) {
		t.Logf("%4d times: %s", c.counts[name], name)
	}
	t.Logf("%d events written and judged", c.written)
}

// stopAll ends the workers, of which none has ended by itself.
func (c *chaos) stopAll() {
	c.t.Helper()
	for i, p := range c.workers {
		if err := c.lives(i); err != nil {
			c.t.Error(err)
		}
		if code := p.stop(60 * time.Second); code != 0 {
			c.t.Errorf("%s ended with %d", p.name, code)
		}
	}
	if c.witness != nil {
		if code := c.witness.stop(60 * time.Second); code != 0 {
			c.t.Errorf("%s ended with %d", c.witness.name, code)
		}
	}
}

// options are what a run is asked for.
type options struct {
	seed   uint64
	length time.Duration
	rate   int
	soak   bool // one worker lives through it, and is measured
}

func chaosOptions(t *testing.T) options {
	t.Helper()
	o := options{seed: chaosSeed, length: chaosLength, rate: chaosRate, soak: os.Getenv("CHAOS_SOAK") != ""}
	number := func(name string, take func(float64)) {
		text := os.Getenv(name)
		if text == "" {
			return
		}
		n, err := strconv.ParseFloat(text, 64)
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		take(n)
	}
	number("CHAOS_MINUTES", func(n float64) { o.length, o.seed = time.Duration(n*float64(time.Minute)), uint64(rand.Uint32()) })
	number("CHAOS_RATE", func(n float64) { o.rate = int(n) })
	number("CHAOS_SEED", func(n float64) { o.seed = uint64(n) })
	return o
}

// play writes traffic and has each disaster strike at its time, until all are over.
func (c *chaos) play(g *traffic, o options, plan []disaster) {
	began := time.Now()
	var striking sync.WaitGroup
	striking.Go(func() { c.traffic(g, o.rate, began.Add(o.length)) })
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
func (c *chaos) traffic(g *traffic, rate int, until time.Time) {
	publisher := consumers.NewPublisher(c.cluster)
	ctx, cancel := context.WithDeadline(context.Background(), until.Add(2*time.Minute))
	defer cancel()
	conversions := min(rate/4, chaosConversions)
	for tick := time.NewTicker(time.Second); time.Now().Before(until); <-tick.C {
		// Conversions follow their clicks, in Kafka and in time: one that overtakes a
		// click is decided without it, as promised, and not as in another reading.
		g.made += int(time.Hour / g.step)
		for _, write := range []func(){func() { g.clicks(rate - conversions) }, func() { g.conversions(conversions); g.decisions(conversions / 20) }} {
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

// examine has the books judged by the topics alone, and by a run of the same input
// without faults.
func (c *chaos) examine() {
	c.t.Helper()
	c.judge(time.Time{})
	c.agrees()
	c.checkFinished()
	c.checkContested()
	if c.written > chaosCompared {
		return
	}
	reference := c.reading([]byte(chaosPrograms))
	reference.exitWhenIdle(5 * time.Minute)
	compareWorlds(reference, c.world)
	reference.checkFinished()
	for _, w := range []*world{c.world, reference} {
		w.checkOffsets()
		w.checkMessages()
	}
}

// checkContested sees to it that there was something to judge: a budget that not all
// fit into, and persons who decided.
func (c *chaos) checkContested() {
	c.t.Helper()
	r := c.query("SELECT countIf(event_type = 'held') AS held, countIf(event_type = 'earned') AS earned, countIf(event_type = 'earned' AND sequence > 1) AS released FROM rewards WHERE program_id = ?", fame)[0]
	decided := c.query("SELECT count() AS n FROM fulfillments")[0]["n"]
	c.t.Logf("of a budget %v rewards were let through, %v held and %v of them released; %v payments and decisions", r["earned"], r["held"], r["released"], decided)
	if number(r["held"]) == 0 || number(r["earned"]) == 0 || number(decided) == 0 {
		c.t.Error("nobody contested the budget, or nobody decided anything")
	}
}
