package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/grapevinehq/grapevine/config"
	"github.com/grapevinehq/grapevine/consumers"
	"github.com/grapevinehq/grapevine/internal/engine"
	"github.com/grapevinehq/grapevine/pipeline/program"
)

// ground is what all measurements stand on: engines, and topics full of events.
type ground struct {
	options    options
	kafka      string
	redis      *engine.Redis
	clickhouse *engine.ClickHouse
	catalog    *program.Catalog
	log        *slog.Logger
	stops      []func(context.Context) error
	prefix     string // of the topics
	programs   string // the file that decides
	// booksBefore is the CPU time that ClickHouse had taken when the measured part began.
	booksBefore time.Duration
	serial      int // makes each measurement's group and database its own
}

// start starts the engines and writes the events.
func start(ctx context.Context, o options) (*ground, error) {
	g := &ground{options: o, programs: o.programs(), log: slog.New(slog.NewTextHandler(os.Stderr, &slog.HandlerOptions{Level: slog.LevelWarn}))}
	if err := g.startEngines(ctx); err != nil {
		g.stop()
		return nil, err
	}
	if err := os.WriteFile(o.programs(), fiftyPrograms(), 0o600); err != nil {
		return nil, err
	}
	var err error
	if g.catalog, err = config.LoadPrograms(o.programs()); err != nil {
		return nil, err
	}
	if err := g.simulate(ctx, "--clicks", fmt.Sprint(o.clicks), "--duplicates", "0.1"); err != nil {
		g.stop()
		return nil, err
	}
	return g, nil
}

func (g *ground) startEngines(ctx context.Context) error {
	var err error
	if g.options.kfake {
		k, err := engine.StartKafka(ctx, engine.KafkaOptions{Dir: filepath.Join(g.options.dir, "kafka")})
		if err != nil {
			return err
		}
		g.kafka, g.stops = k.Addr, append(g.stops, k.Stop)
	} else {
		k, err := engine.StartApacheKafka(ctx, engine.ApacheKafkaOptions{Dir: filepath.Join(g.options.dir, "kafka")})
		var missing *engine.MissingProgramError
		if errors.As(err, &missing) {
			return fmt.Errorf("%w, or measure on the embedded one with --kafka-in-process", err)
		}
		if err != nil {
			return err
		}
		g.kafka, g.stops = k.Addr, append(g.stops, k.Stop)
	}
	if g.redis, err = engine.StartRedis(ctx, engine.RedisOptions{Dir: filepath.Join(g.options.dir, "redis")}); err != nil {
		return err
	}
	g.stops = append(g.stops, g.redis.Stop)
	if g.clickhouse, err = engine.StartClickHouse(ctx, engine.ClickHouseOptions{Dir: filepath.Join(g.options.dir, "clickhouse")}); err != nil {
		return err
	}
	g.stops = append(g.stops, g.clickhouse.Stop)
	return nil
}

func (g *ground) stop() {
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	defer cancel()
	for _, stop := range g.stops {
		if err := stop(ctx); err != nil {
			fmt.Fprintln(os.Stderr, "bench:", err)
		}
	}
}

// environ points the binary at the engines, as a new installation.
func (g *ground) environ(database string) []string {
	env := append(os.Environ(),
		"GRAPEVINE_KAFKA_BROKERS="+g.kafka,
		"GRAPEVINE_KAFKA_GROUP="+database,
		"GRAPEVINE_KAFKA_TOPIC_PREFIX="+g.prefix,
		"GRAPEVINE_REDIS_ADDR="+g.redis.Addr,
		"GRAPEVINE_CLICKHOUSE_ADDR="+g.clickhouse.Addr,
		"GRAPEVINE_CLICKHOUSE_DATABASE="+database,
		"GRAPEVINE_PROGRAMS="+g.programs,
		"GRAPEVINE_HTTP_ADDR=127.0.0.1:0",
		"GRAPEVINE_LOG_FORMAT=json",
	)
	if g.options.batch > 0 {
		env = append(env, fmt.Sprintf("GRAPEVINE_BATCH_MAX_EVENTS=%d", g.options.batch))
	}
	return env
}

// simulate writes events with the binary's own simulator.
func (g *ground) simulate(ctx context.Context, args ...string) error {
	c := exec.CommandContext(ctx, g.options.binary, append([]string{"simulate"}, args...)...)
	c.Env = g.environ("simulate")
	c.Stderr = os.Stderr
	if out, err := c.Output(); err != nil {
		return fmt.Errorf("simulate %s: %w: %s", strings.Join(args, " "), err, out)
	}
	return nil
}

// fresh names the next measurement, on an empty Redis.
func (g *ground) fresh(ctx context.Context) (string, error) {
	g.serial++
	client := redis.NewClient(&redis.Options{Addr: g.redis.Addr})
	defer client.Close()
	if err := client.FlushAll(ctx).Err(); err != nil {
		return "", fmt.Errorf("empty Redis: %w", err)
	}
	return fmt.Sprintf("bench%d", g.serial), nil
}

// cluster opens Kafka as a member of a group.
func (g *ground) cluster(group string) (*consumers.Cluster, error) {
	return consumers.Open(consumers.Options{Brokers: []string{g.kafka}, Group: group, Names: consumers.Names{Prefix: g.prefix}, Log: g.log})
}

// fiftyPrograms is the configuration of the measured job.
func fiftyPrograms() []byte {
	var b strings.Builder
	b.WriteString("version: 1\norgs:\n  - id: acme\n    name: Acme\n    programs:\n")
	for i := range 50 {
		fmt.Fprintf(&b, `      - id: p%02d
        name: Program %d
        versions:
          - valid_from: 2025-01-01T00:00:00Z
            currency: USD
            timezone: America/New_York
            attribution_grace: 0s
            rules:
              - {id: share, type: per_conversion, kinds: [sale], rewards: [{id: cash, to: referrer, type: cash, basis_points: 500}, {id: thanks, to: referee, type: discount, flat_minor: 500}]}
              - {id: milestones, type: tiers, metric: conversions, tiers: [{id: bronze, threshold: 3, rewards: [{id: card, type: gift_card, amount_minor: 2500}]}]}
`, i, i)
	}
	return []byte(b.String())
}

func printMachine(w io.Writer) {
	model := "unknown processor"
	if text, err := os.ReadFile("/proc/cpuinfo"); err == nil {
		for line := range strings.Lines(string(text)) {
			if name, value, ok := strings.Cut(line, ":"); ok && strings.TrimSpace(name) == "model name" {
				model = strings.TrimSpace(value)
				break
			}
		}
	}
	fmt.Fprintf(w, "%s, %d cores, %s, %s\n", model, runtime.NumCPU(), runtime.Version(), time.Now().UTC().Format(time.DateOnly))
}
