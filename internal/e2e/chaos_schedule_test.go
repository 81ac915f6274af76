package e2e

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"time"
)

// fault is one kind: what it needs for itself alone while it lasts, and how often it
// comes compared with others.
type fault struct {
	name   string
	needs  func(chance *rand.Rand) []string
	weight int
	most   time.Duration // it lasts a tenth of this at least
	inject func(c *chaos, d disaster) error
}

// disaster is one fault of a schedule.
type disaster struct {
	fault *fault
	at    time.Duration // since the beginning
	lasts time.Duration
	on    []string
}

func (d disaster) String() string {
	return fmt.Sprintf("%6.1fs %s on %s for %.1fs", d.at.Seconds(), d.fault.name, strings.Join(d.on, ", "), d.lasts.Seconds())
}

// needs names what any of a kind of thing is called: workers are numbered.
func anyWorker(chance *rand.Rand) []string { return []string{workerName(chance.IntN(chaosWorkers))} }

func workerName(i int) string { return fmt.Sprintf("worker %d", i) }

// all are every worker, and engines with the ways to them.
func all(engines ...string) func(*rand.Rand) []string {
	var names []string
	for i := range chaosWorkers {
		names = append(names, workerName(i))
	}
	for _, engine := range engines {
		names = append(names, engine, "the link to "+engine)
	}
	return just(names...)
}

func just(names ...string) func(*rand.Rand) []string {
	return func(*rand.Rand) []string { return names }
}

func anyLink(chance *rand.Rand) []string {
	return []string{"the link to " + []string{"kafka", "redis", "clickhouse"}[chance.IntN(3)]}
}

// schedule makes up the disasters of a run: equal seeds, equal disasters. Nothing is
// hit by two at a time, but several things are. In a soak nothing ends all workers, and
// they have time to work what comes, so that there is a level.
func schedule(seed uint64, length time.Duration, soak bool) (plan []disaster) {
	chance := rand.New(rand.NewPCG(seed, 2))
	var bag []*fault
	for i := range faults {
		if soak && len(faults[i].needs(chance)) > chaosWorkers {
			continue
		}
		for range faults[i].weight {
			bag = append(bag, &faults[i])
		}
	}
	pause := time.Millisecond
	if soak {
		pause *= 3
	}
	free := map[string]time.Duration{} // when what is hit has recovered
	for at := 2 * time.Second; at < length; at += time.Duration(200+chance.IntN(1800)) * pause {
		f := bag[chance.IntN(len(bag))]
		d := disaster{fault: f, at: at, lasts: f.most/10 + time.Duration(chance.Int64N(int64(f.most))), on: f.needs(chance)}
		if slices.ContainsFunc(d.on, func(name string) bool { return free[name] > at }) {
			continue
		}
		for _, name := range d.on {
			free[name] = at + d.lasts + 2*time.Second
		}
		plan = append(plan, d)
	}
	return plan
}
