package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/grapevinehq/grapevine/config"
)

// statusFlags say how often and in which form the status is told.
type statusFlags struct {
	config, format string
	watch          bool
	interval       time.Duration
}

func newStatusCommand() *cobra.Command {
	var f statusFlags
	c := &cobra.Command{
		Use:   "status",
		Short: "Show lag, throughput, verdicts and health",
		Long: `Show how far the workers are behind, how fast they are, what became of the events,
and whether Kafka, Redis, ClickHouse and this machine's worker answer. Workers
anywhere say in Redis which programs they decide by, and why not by those on
their disk: a worker that was silent for a minute is left out.

Exit code 1 when one of the three engines does not, with its name.`,
		Example: `  grapevine status
  grapevine status --watch
  grapevine status --format json | jq .kafka.lag`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if f.interval < 100*time.Millisecond {
				return usageError{fmt.Errorf("--interval %s: it is 100ms at least", f.interval)}
			}
			if err := checkFormat(f.format, "table", "json"); err != nil {
				return err
			}
			settings, err := config.LoadSettings(f.config, os.Environ())
			if err != nil {
				return err
			}
			return f.run(cmd.Context(), settings, cmd.OutOrStdout())
		},
	}
	c.Flags().StringVar(&f.config, "config", "", "worker configuration `file` (YAML), as for grapevine run")
	c.Flags().StringVar(&f.format, "format", "table", "table or json")
	c.Flags().BoolVar(&f.watch, "watch", false, "tell again and again, until interrupted")
	c.Flags().DurationVar(&f.interval, "interval", time.Second, "time between two looks, from which throughput is told")
	return c
}

func (f *statusFlags) run(ctx context.Context, settings *config.Settings, out io.Writer) error {
	observer, err := newObserver(settings)
	if err != nil {
		return err
	}
	defer observer.close()
	before := observer.look(ctx)
	for {
		if err := pauseFor(ctx, f.interval); err != nil {
			return nil // interrupted
		}
		now := observer.look(ctx)
		now.throughput(before)
		before = now
		if err := f.write(out, now); err != nil {
			return err
		}
		if !f.watch {
			return now.unreachable()
		}
	}
}

// pauseFor waits, or reports that ctx ended.
func pauseFor(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// write tells one status: over the one before in a terminal, or else below it.
func (f *statusFlags) write(out io.Writer, s *status) error {
	if f.format == "json" {
		encoder := json.NewEncoder(out)
		if !f.watch { // one document a line when there are many
			encoder.SetIndent("", "  ")
		}
		return encoder.Encode(s)
	}
	var page strings.Builder
	if f.watch && isTerminal(out) {
		page.WriteString("\x1b[H\x1b[2J") // home, clear
	}
	writeStatus(&page, s)
	_, err := io.WriteString(out, page.String())
	return err
}

// unreachable is an error that names the engines that do not answer.
func (s *status) unreachable() error {
	var problems []error
	for _, engine := range []struct{ name, problem string }{{"kafka", s.Kafka.Error}, {"redis", s.Redis.Error}, {"clickhouse", s.ClickHouse.Error}} {
		if engine.problem != "" {
			problems = append(problems, fmt.Errorf("%s: %s", engine.name, printable(engine.problem)))
		}
	}
	return errors.Join(problems...)
}
