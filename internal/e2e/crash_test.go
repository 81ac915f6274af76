package e2e

import (
	"maps"
	"math/rand/v2"
	"os"
	"slices"
	"strconv"
	"testing"
	"time"
)

const (
	crashPartitions = 2
	// crashSample is at how many points of each kind of input each way of dying is
	// tried, unless CRASH_SAMPLE asks for more or CRASH_MATRIX=whole for all of them.
	crashSample = 1
	// crashPatience is how long a machine may take over one step.
	crashPatience = time.Minute
)

// ways of dying, and of what comes after.
var ways = map[string]func(m *matrix, r *round){
	"once":               (*matrix).once,
	"twice":              (*matrix).twice,
	"under other rules":  (*matrix).underOtherRules,
	"another takes over": (*matrix).anotherTakesOver,
	"redis is lost, too": (*matrix).redisIsLost,
}

// A worker is killed at every point between two effects of a batch, for every kind
// of input. Its successor leaves the books, the topics and the memory of a run
// without faults.
func TestCrash_at_any_point_leaves_no_trace(t *testing.T) {
	t.Parallel()
	names := slices.Sorted(maps.Keys(ways))
	if one := os.Getenv("CRASH_WAY"); one != "" {
		names = []string{one}
	}
	if os.Getenv("CRASH_MATRIX") == "whole" {
		for _, way := range names {
			t.Run(way, func(t *testing.T) {
				t.Parallel()
				playMatrix(t, func(points []point) []death { return everywhere(points, way) })
			})
		}
		return
	}
	seed := rand.Uint64()
	if text := os.Getenv("CRASH_SEED"); text != "" {
		var err error
		if seed, err = strconv.ParseUint(text, 10, 64); err != nil {
			t.Fatal(err)
		}
	}
	size := crashSample
	if text := os.Getenv("CRASH_SAMPLE"); text != "" {
		var err error
		if size, err = strconv.Atoi(text); err != nil {
			t.Fatal(err)
		}
	}
	t.Logf("CRASH_SEED=%d", seed)
	playMatrix(t, func(points []point) (deaths []death) {
		chance := rand.New(rand.NewPCG(seed, 0))
		for _, way := range names {
			deaths = append(deaths, everywhere(sample(points, size, chance), way)...)
		}
		return deaths
	})
}

// sample chooses some points of each kind of input.
func sample(points []point, size int, chance *rand.Rand) (chosen []point) {
	taken := map[int]int{}
	for _, i := range chance.Perm(len(points)) {
		if taken[points[i].input]++; taken[points[i].input] <= size {
			chosen = append(chosen, points[i])
		}
	}
	return chosen
}

func everywhere(points []point, way string) (deaths []death) {
	for _, p := range points {
		deaths = append(deaths, death{p, way})
	}
	return deaths
}

// playMatrix plays deaths in one installation, one after the other, and compares
// it with another that reads along without faults.
func playMatrix(t *testing.T, choose func([]point) []death) {
	m := newMatrix(t, crashPrograms)
	points := m.rehearse()
	deaths := choose(points)
	rounds := m.cast(deaths)
	m.publish(before(rounds))
	m.awaitRest()
	began := time.Now()
	for _, r := range rounds {
		ways[r.way](m, r)
		m.awaitDone(crashPatience, m.worker)
	}
	t.Logf("%d of %d points, %d deaths, %d points not passed, in %s", len(deaths), len(points), m.deaths, m.missed, time.Since(began).Round(time.Second))
	if m.missed > len(deaths)/5 {
		t.Errorf("of %d points %d were not passed", len(deaths), m.missed)
	}
	m.publish(after(rounds))
	m.awaitRest()
	m.end()

	if empty := compareCrash(m.reference, m.world); !slices.Equal(empty, []string{"archive"}) { // where old things go
		t.Errorf("nothing in %v", empty)
	}
	m.agrees()
	compareBudgets(m.reference, m.world, m.rebuilt)
	for _, w := range []*world{m.world, m.reference} {
		w.checkMessages()
		w.checkFinished()
	}
}
