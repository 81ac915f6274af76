package e2e

import (
	"bufio"
	"context"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/grapevinehq/grapevine/internal/engine"
)

// gauge is something that must not grow for ever: how much of it is noise.
type gauge struct {
	name  string
	slack float64
}

// witnessed are what a worker tells of itself, by its metrics.
var witnessed = map[string]gauge{
	"process_resident_memory_bytes": {"memory of a worker, bytes", 24 << 20},
	"go_memstats_heap_inuse_bytes":  {"heap of a worker, bytes", 16 << 20},
	"go_goroutines":                 {"goroutines of a worker", 10},
	"process_open_fds":              {"file descriptors of a worker", 10},
}

var (
	redisKeys   = gauge{"keys in Redis", 500}
	redisMemory = gauge{"memory of Redis, bytes", 4 << 20}
	partsMost   = gauge{"parts of one partition of a table, at most", 6}
	partsMean   = gauge{"parts of a partition of a table, on average", 1}
)

// levels are samples of gauges, in order.
type levels map[gauge][]float64

// levelsOff compares the middle of the last third of samples with that of the third
// before; the first is for warming up. What grows steadily grows by more than a tenth
// from one to the next, unless most of it stood there from the beginning.
func levelsOff(samples []float64, slack float64) (before, last float64, level bool) {
	third := len(samples) / 3
	before, last = median(samples[third:2*third]), median(samples[2*third:])
	return before, last, last <= before*1.1+slack
}

func median(samples []float64) float64 {
	sorted := slices.Sorted(slices.Values(samples))
	return sorted[len(sorted)/2]
}

func TestLevelsOff_tells_growth_from_noise(t *testing.T) {
	series := func(at func(i int) float64) (samples []float64) {
		for i := range 90 {
			samples = append(samples, at(i)+float64(i%7))
		}
		return samples
	}
	for name, at := range map[string]struct {
		of    func(i int) float64
		level bool
	}{
		"a leak":                   {func(i int) float64 { return 10 * float64(i) }, false},
		"a leak beside what is":    {func(i int) float64 { return 500 + 10*float64(i) }, false},
		"a level":                  {func(int) float64 { return 500 }, true},
		"warming up":               {func(i int) float64 { return 500 * min(1, float64(i)/25) }, true},
		"a spike":                  {func(i int) float64 { return map[bool]float64{true: 9000, false: 500}[i%30 == 29] }, true},
		"what begins late to grow": {func(i int) float64 { return 500 + 30*float64(max(0, i-50)) }, false},
	} {
		if before, last, level := levelsOff(series(at.of), 10); level != at.level {
			t.Errorf("%s: from %v to %v is level: %t", name, before, last, level)
		}
	}
}

// watchLevels launches a worker that no fault ends, and samples what it and the engines
// hold; when it is stopped it says whether that levelled off.
func (c *chaos) watchLevels(length time.Duration) (stop func()) {
	c.t.Helper()
	port, err := engine.FreePort()
	if err != nil {
		c.t.Fatal(err)
	}
	before := c.settings["HTTP_ADDR"]
	c.settings["HTTP_ADDR"] = fmt.Sprintf("127.0.0.1:%d", port)
	metrics := "http://" + c.settings["HTTP_ADDR"] + "/metrics"
	c.witness = c.launch("run")
	c.settings["HTTP_ADDR"] = before
	ctx, cancel := context.WithCancel(context.Background())
	var sampling sync.WaitGroup
	found := levels{}
	sampling.Go(func() {
		for tick := time.NewTicker(length / 360); ; {
			select {
			case <-ctx.Done():
				return
			case <-tick.C:
				c.sample(found, metrics)
			}
		}
	})
	return func() {
		cancel()
		sampling.Wait()
		c.checkLevels(found)
	}
}

// checkLevels tells what each gauge came to, and fails where it grew.
func (c *chaos) checkLevels(found levels) {
	c.t.Helper()
	if !c.witness.running() {
		c.t.Errorf("%s ended by itself", c.witness.name)
	}
	all := append(slices.Collect(maps.Values(witnessed)), redisKeys, redisMemory, partsMost, partsMean)
	for _, g := range slices.SortedFunc(slices.Values(all), func(a, b gauge) int { return strings.Compare(a.name, b.name) }) {
		samples := found[g]
		if len(samples) < 30 {
			c.t.Errorf("%s: only %d samples", g.name, len(samples))
			continue
		}
		before, last, level := levelsOff(samples, g.slack)
		c.t.Logf("%s: %.4g in the middle of the second third, %.4g in that of the last, %.4g at most, of %d samples", g.name, before, last, slices.Max(samples), len(samples))
		if !level {
			c.t.Errorf("%s does not level off: %.4g in the second third, %.4g in the last", g.name, before, last)
		}
	}
}

// sample asks whoever answers: an engine may be away.
func (c *chaos) sample(found levels, metrics string) {
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
	defer cancel()
	c.sampleWitness(ctx, found, metrics)
	client := redis.NewClient(&redis.Options{Addr: fmt.Sprintf("127.0.0.1:%d", c.ports["redis"]), MaxRetries: -1})
	defer client.Close()
	if info, err := client.Info(ctx, "memory").Result(); err == nil {
		_, text, _ := strings.Cut(info, "used_memory:")
		text, _, _ = strings.Cut(text, "\r")
		if n, err := strconv.ParseFloat(text, 64); err == nil {
			found[redisMemory] = append(found[redisMemory], n)
			found[redisKeys] = append(found[redisKeys], float64(client.DBSize(ctx).Val()))
		}
	}
	var most, mean float64
	if err := c.ask(ctx, `SELECT toFloat64(max(n)), avg(n) FROM
		(SELECT count() AS n FROM system.parts WHERE active AND database = currentDatabase() GROUP BY table, partition)`, &most, &mean); err == nil {
		found[partsMost] = append(found[partsMost], most)
		found[partsMean] = append(found[partsMean], mean)
	}
}

func (c *chaos) sampleWitness(ctx context.Context, found levels, metrics string) {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, metrics, nil)
	if err != nil {
		return
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return
	}
	defer response.Body.Close()
	for lines := bufio.NewScanner(response.Body); lines.Scan(); {
		name, value, _ := strings.Cut(lines.Text(), " ")
		if g, ok := witnessed[name]; ok {
			if n, err := strconv.ParseFloat(value, 64); err == nil {
				found[g] = append(found[g], n)
			}
		}
	}
}
