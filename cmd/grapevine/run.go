package main

import (
	"fmt"
	"io"
	"log/slog"
	"os"
	"runtime/debug"
	"runtime/pprof"

	"github.com/spf13/cobra"

	"github.com/grapevinehq/grapevine/config"
)

func newRunCommand() *cobra.Command {
	var path, profile string
	var idle bool
	c := &cobra.Command{
		Use:   "run",
		Short: "Run a worker of the pipeline",
		Long: `Run a worker: it joins the consumer group and works the partitions that it is
assigned, until it is interrupted. Start as many as you like; they share the work.
A worker waits for engines that are away, and says so in its log and at /readyz.`,
		Example: `  grapevine run
  grapevine run --config worker.yaml
  GRAPEVINE_KAFKA_BROKERS=10.0.0.5:9092 grapevine run --exit-when-idle`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			settings, err := config.LoadSettings(path, os.Environ())
			if err != nil {
				return err
			}
			log := newLogger(settings.Log, cmd.ErrOrStderr())
			for _, warning := range settings.Warnings {
				log.Warn(warning)
			}
			limitMemory()
			stop, err := profileCPU(profile)
			if err != nil {
				return err
			}
			defer stop()
			defer endInTime(cmd.Context(), settings.ShutdownTimeout, log)()
			return runWorker(cmd.Context(), settings, log, idle)
		},
	}
	c.Flags().StringVar(&path, "config", "", "worker configuration `file` (YAML); defaults reach what grapevine up starts")
	c.Flags().BoolVar(&idle, "exit-when-idle", false, "stop with exit code 0 once every input is consumed, every effect written and every hold that is due released")
	c.Flags().StringVar(&profile, "cpuprofile", "", "write a CPU profile into this `file`, for go tool pprof")
	return c
}

// profileCPU profiles the process until stop is called; no file, no profile.
func profileCPU(file string) (stop func(), err error) {
	if file == "" {
		return func() {}, nil
	}
	out, err := os.Create(file)
	if err != nil {
		return nil, fmt.Errorf("profile into %s: %w", file, err)
	}
	if err := pprof.StartCPUProfile(out); err != nil {
		return nil, fmt.Errorf("profile into %s: %w", file, err)
	}
	return func() {
		pprof.StopCPUProfile()
		_ = out.Close() // a profile that is cut short says so when it is read
	}, nil
}

// memoryLimit is what the garbage collector keeps a worker under as long as its
// batches in flight allow it; larger ones may exceed it. GOMEMLIMIT overrules it.
const memoryLimit = 335 << 20

func limitMemory() {
	if os.Getenv("GOMEMLIMIT") == "" {
		debug.SetMemoryLimit(memoryLimit)
	}
}

// newLogger logs as the settings say.
func newLogger(l config.Log, to io.Writer) *slog.Logger {
	var level slog.Level
	if err := level.UnmarshalText([]byte(l.Level)); err != nil {
		level = slog.LevelInfo
	}
	options := &slog.HandlerOptions{Level: level}
	if l.Format == "json" {
		return slog.New(slog.NewJSONHandler(to, options))
	}
	return slog.New(slog.NewTextHandler(to, options))
}
