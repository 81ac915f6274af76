package main

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/grapevinehq/grapevine/consumers"
	"github.com/grapevinehq/grapevine/pipeline/loop"
)

// clickJob is the whole job: the binary in a process of its own, from its first
// commit until every click is acknowledged.
func clickJob(ctx context.Context, g *ground) (figure, error) {
	name, err := g.fresh(ctx)
	if err != nil {
		return figure{}, err
	}
	return g.job(ctx, name, consumers.Clicks)
}

// rememberedJob is the click job on top of many clicks that are remembered, in
// topics of its own.
func rememberedJob(ctx context.Context, g *ground) (figure, error) {
	name, err := g.fresh(ctx)
	if err != nil {
		return figure{}, err
	}
	g.prefix = name + "."
	defer func() { g.prefix = "" }()
	for _, n := range []int{g.options.remembered, g.options.clicks} {
		if err := g.simulate(ctx, "--clicks", fmt.Sprint(n), "--duplicates", "0.1"); err != nil {
			return figure{}, err
		}
		g.settle(ctx)
		g.booksBefore = processTime(g.clickhouse.PID())
		f, err := g.job(ctx, name, consumers.Clicks)
		if err != nil || n == g.options.clicks {
			f.redis = 0 // of all that is remembered, not of these
			return f, err
		}
	}
	return figure{}, nil
}

// settle waits, a minute at most, until ClickHouse has merged what was written
// before: that is no part of what comes next.
func (g *ground) settle(ctx context.Context) {
	for range 60 {
		before := processTime(g.clickhouse.PID())
		select {
		case <-time.After(time.Second):
		case <-ctx.Done():
			return
		}
		if processTime(g.clickhouse.PID())-before < 100*time.Millisecond {
			return
		}
	}
}

// clicksBefore is how many clicks there are for each measured conversion.
const clicksBefore = 3

// conversionJob is the same for conversions, in topics of their own: first the
// clicks that they are attributed to, then the conversions.
func conversionJob(ctx context.Context, g *ground) (figure, error) {
	name, err := g.fresh(ctx)
	if err != nil {
		return figure{}, err
	}
	g.prefix = name + "."
	defer func() { g.prefix = "" }()
	if err := g.simulate(ctx, "--clicks", fmt.Sprint(clicksBefore*g.options.conversions)); err != nil {
		return figure{}, err
	}
	if _, err := g.job(ctx, name, consumers.Clicks); err != nil {
		return figure{}, err
	}
	if err := g.simulate(ctx, "--clicks", "0", "--conversions", fmt.Sprint(g.options.conversions)); err != nil {
		return figure{}, err
	}
	g.booksBefore = processTime(g.clickhouse.PID())
	return g.job(ctx, name, consumers.Conversions)
}

// everyRule is the configuration in which every rule and key is in use.
const everyRule = "examples/programs.yaml"

// ruledJob is the same as conversionJob, with every rule of the example on: holds,
// limits, budgets, segments, grants, shadow models.
func ruledJob(ctx context.Context, g *ground) (figure, error) {
	before := g.programs
	g.programs = everyRule
	defer func() { g.programs = before }()
	return conversionJob(ctx, g)
}

// job runs the binary until it is idle, and measures one topic.
func (g *ground) job(ctx context.Context, name, topic string) (figure, error) {
	cluster, err := g.cluster(name)
	if err != nil {
		return figure{}, err
	}
	defer cluster.Close()
	before, err := behind(ctx, cluster, topic)
	if err != nil {
		return figure{}, err
	}
	args := []string{"run", "--exit-when-idle"}
	if g.options.profileJob != "" {
		args = append(args, "--cpuprofile", g.options.profileJob)
	}
	c := exec.CommandContext(ctx, g.options.binary, args...)
	c.Env = g.environ(name)
	c.Stderr = os.Stderr
	if os.Getenv("BENCH_LOG") == "" {
		c.Stderr = nil
	}
	if err := c.Start(); err != nil {
		return figure{}, err
	}
	elapsed, err := awaitTopic(ctx, cluster, topic)
	peak := peakMemory(c.Process.Pid)
	if waited := c.Wait(); err == nil {
		err = waited
	}
	if err != nil {
		return figure{}, err
	}
	f := figure{events: int(before), elapsed: elapsed, cpu: c.ProcessState.UserTime() + c.ProcessState.SystemTime(), peak: peak}
	f.redis, err = g.redisBytes(ctx)
	return f, err
}

// awaitTopic waits until a topic is acknowledged to its end, and tells the time
// since its first batch was bound.
func awaitTopic(ctx context.Context, cluster *consumers.Cluster, topic string) (time.Duration, error) {
	var began time.Time
	for {
		lags, err := cluster.Lags(ctx, topic)
		if err != nil {
			return 0, err
		}
		var left int64
		for _, l := range lags {
			left += l.Behind()
			if m, ok := loop.ParseMetadata(l.Metadata); ok && m.Bound && began.IsZero() {
				began = time.Now()
			}
		}
		if left == 0 {
			return time.Since(began), nil
		}
		time.Sleep(5 * time.Millisecond)
	}
}

// behind sums what is not acknowledged.
func behind(ctx context.Context, cluster *consumers.Cluster, topic string) (int64, error) {
	lags, err := cluster.Lags(ctx, topic)
	if err != nil {
		return 0, err
	}
	var n int64
	for _, l := range lags {
		n += l.Behind()
	}
	return n, nil
}

// redisBytes is what Redis holds, beyond what an empty one does.
func (g *ground) redisBytes(ctx context.Context) (int64, error) {
	client := redis.NewClient(&redis.Options{Addr: g.redis.Addr})
	defer client.Close()
	var total int64
	for cursor, more := uint64(0), true; more; more = cursor != 0 {
		keys, next, err := client.Scan(ctx, cursor, "*", 10_000).Result()
		if err != nil {
			return 0, fmt.Errorf("list the keys of Redis: %w", err)
		}
		usages, err := client.Pipelined(ctx, func(pipe redis.Pipeliner) error {
			for _, key := range keys {
				pipe.MemoryUsage(ctx, key)
			}
			return nil
		})
		if err != nil {
			return 0, fmt.Errorf("ask Redis for the memory of %d keys: %w", len(keys), err)
		}
		for _, u := range usages {
			total += u.(*redis.IntCmd).Val()
		}
		cursor = next
	}
	return total, nil
}
