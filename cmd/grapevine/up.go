package main

import (
	"context"
	"fmt"
	"io"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/grapevinehq/grapevine/internal/engine"
)

// upDatabase is there from the start, so that the address that is printed works
// before a worker has made its tables.
const upDatabase = "referral"

// enginePorts are the flags that say where the embedded engines listen.
type enginePorts struct {
	kafka, redis, native, http int
	dataDir, users             string
}

func (p *enginePorts) flags(f *pflag.FlagSet) {
	f.IntVar(&p.kafka, "kafka-port", 9092, "port of Kafka on 127.0.0.1")
	f.IntVar(&p.redis, "redis-port", 6379, "port of Redis")
	f.IntVar(&p.native, "clickhouse-port", 9000, "port of ClickHouse's native protocol")
	f.IntVar(&p.http, "clickhouse-http-port", 8123, "port of ClickHouse's HTTP interface")
	f.StringVar(&p.dataDir, "data-dir", "", "keep the data in this folder between runs (default: a temporary one)")
	f.StringVar(&p.users, "clickhouse-users", "", "users of ClickHouse beside default, a `file` that grapevine access apply wrote")
}

// check tells what is no port; 0 chooses one.
func (p *enginePorts) check(more ...int) error {
	for _, port := range append([]int{p.kafka, p.redis, p.native, p.http}, more...) {
		if port < 0 || port > 65535 {
			return usageError{fmt.Errorf("%d is no port: they go from 1 to 65535, and 0 chooses one that is free", port)}
		}
	}
	return nil
}

func (p *enginePorts) start(ctx context.Context, progress io.Writer) (*engine.Engines, error) {
	return engine.Start(ctx, engine.Options{
		Dir:        p.dataDir,
		Kafka:      engine.Port{Number: p.kafka, Change: "--kafka-port"},
		Redis:      engine.Port{Number: p.redis, Change: "--redis-port"},
		ClickHouse: engine.Port{Number: p.native, Change: "--clickhouse-port"},
		HTTP:       engine.Port{Number: p.http, Change: "--clickhouse-http-port"},
		Database:   upDatabase,

		ClickHouseUsers: p.users,
		Progress:        progress,
	})
}

// addresses tells how to reach the engines with any client.
func (p *enginePorts) addresses(w io.Writer) {
	fmt.Fprintf(w, "  Kafka       127.0.0.1:%d\n", p.kafka)
	fmt.Fprintf(w, "  Redis       redis://127.0.0.1:%d\n", p.redis)
	fmt.Fprintf(w, "  ClickHouse  clickhouse://default@127.0.0.1:%d/%s   http://127.0.0.1:%d/?user=default\n", p.native, upDatabase, p.http)
}

func newUpCommand() *cobra.Command {
	var ports enginePorts
	c := &cobra.Command{
		Use:   "up",
		Short: "Start Kafka, Redis and ClickHouse on this machine, without a container",
		Long: `Start the three engines on loopback, and keep them until interrupted. What is not
on PATH (clickhouse, redis-server or valkey-server) is fetched once.`,
		Example: `  grapevine up
  grapevine up --data-dir data
  grapevine up --kafka-port 19092 --redis-port 16379`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if err := ports.check(); err != nil {
				return err
			}
			engines, err := ports.start(cmd.Context(), cmd.ErrOrStderr())
			if err != nil {
				return err
			}
			out := cmd.OutOrStdout()
			fmt.Fprintln(out, "The engines run:")
			ports.addresses(out)
			fmt.Fprintln(out, "Next, in other terminals: `grapevine run`, `grapevine simulate --clicks 100000`, `grapevine report`. Ctrl-C ends the engines.")
			return stopEngines(engines, engines.Wait(cmd.Context()))
		},
	}
	ports.flags(c.Flags())
	return c
}

// stopEngines ends the engines in order, whatever led to it.
func stopEngines(engines *engine.Engines, cause error) error {
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
	defer cancel()
	if err := engines.Stop(ctx); cause == nil {
		return err
	}
	return cause
}
