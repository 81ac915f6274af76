package main

import (
	"context"
	"crypto/rand"
	_ "embed"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"time"

	"github.com/spf13/cobra"

	"github.com/grapevinehq/grapevine/config"
	"github.com/grapevinehq/grapevine/internal/engine"
	"github.com/grapevinehq/grapevine/internal/simulate"
)

// demoPrograms is the repository's programs.yaml, so that the demo runs in any
// folder. A test compares the two.
//
//go:embed demo_programs.yaml
var demoPrograms []byte

// demoFlags are what can be said about a demo.
type demoFlags struct {
	ports    enginePorts
	httpPort int
	programs string
	rate     float64
	seed     uint64
	length   time.Duration
}

func newDemoCommand() *cobra.Command {
	var f demoFlags
	c := &cobra.Command{
		Use:   "demo",
		Short: "Run everything at once on this machine, with simulated traffic",
		Long: `Start Kafka, Redis and ClickHouse on loopback, run the pipeline, send it simulated
clicks and conversions, and show what becomes of them, until interrupted. Nothing
else is needed, and nothing stays unless --data-dir says where.`,
		Example: `  grapevine demo
  grapevine demo --rate 10000 --for 1m
  grapevine demo --data-dir data --kafka-port 19092`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if !(f.rate > 0) || f.length < 0 {
				return usageError{errors.New("--rate must be more than 0, and --for not negative")}
			}
			if err := f.ports.check(f.httpPort); err != nil {
				return err
			}
			return f.run(cmd.Context(), cmd.OutOrStdout(), cmd.ErrOrStderr())
		},
	}
	f.ports.flags(c.Flags())
	c.Flags().IntVar(&f.httpPort, "http-port", 8080, "port of the worker's health and metrics")
	c.Flags().StringVar(&f.programs, "programs", "", "file or folder of programs (default: three programs of a made-up company)")
	c.Flags().Float64Var(&f.rate, "rate", 2000, "clicks a second")
	c.Flags().Uint64Var(&f.seed, "seed", 1, "decides who the people are and what they do")
	c.Flags().DurationVar(&f.length, "for", 0, "end by itself after this time; 0 is never")
	return c
}

// demo is one that runs.
type demo struct {
	flags    *demoFlags
	settings *config.Settings
	options  simulate.Options
	logPath  string
	log      *slog.Logger
	screen   *demoScreen
}

// run starts the engines and ends them, whatever happens in between.
func (f *demoFlags) run(ctx context.Context, out, progress io.Writer) (err error) {
	if f.programs != "" { // before anything is fetched and started for them
		if _, err := config.LoadPrograms(f.programs); err != nil {
			return err
		}
	}
	if f.httpPort, err = freePort(f.httpPort, "--http-port"); err != nil {
		return err
	}
	remove, err := f.dataDir()
	if err != nil {
		return err
	}
	logPath := filepath.Join(f.ports.dataDir, "demo.log")
	defer func() { err = tidyDemo(err, remove, logPath) }()
	logFile, err := os.OpenFile(logPath, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o644) //nolint:gosec // the user's folder
	if err != nil {
		return fmt.Errorf("open the log: %w", err)
	}
	defer logFile.Close() //nolint:errcheck // every line was written when it was logged
	fmt.Fprintf(progress, "Starting Kafka, Redis and ClickHouse; the log is %s\n", logPath)
	engines, err := f.ports.start(ctx, progress)
	if ctx.Err() != nil && engines == nil {
		return nil // interrupted before there was anything to end
	}
	if err != nil {
		return err
	}
	defer func() { err = stopEngines(engines, err) }()
	d := &demo{flags: f, logPath: logPath, log: slog.New(slog.NewTextHandler(logFile, nil))}
	if err := d.configure(engines); err != nil {
		return err
	}
	return d.play(ctx, engines, out)
}

// dataDir makes the folder of the data; remove is what to remove in the end.
func (f *demoFlags) dataDir() (remove string, err error) {
	if f.ports.dataDir != "" {
		if err := os.MkdirAll(f.ports.dataDir, 0o755); err != nil {
			return "", fmt.Errorf("make the data folder: %w", err)
		}
		return "", nil
	}
	if f.ports.dataDir, err = os.MkdirTemp("", "grapevine-demo-"); err != nil {
		return "", fmt.Errorf("make a temporary data folder: %w", err)
	}
	return f.ports.dataDir, nil
}

// tidyDemo removes the folder, but keeps the log of what went wrong.
func tidyDemo(cause error, remove, logPath string) error {
	if cause != nil {
		return fmt.Errorf("%w (the log is %s)", cause, logPath)
	}
	if remove == "" {
		return nil
	}
	return os.RemoveAll(remove)
}

// freePort looks whether a port can be listened on; 0 chooses one.
func freePort(number int, change string) (int, error) {
	if number == 0 {
		return engine.FreePort()
	}
	listener, err := net.Listen("tcp", net.JoinHostPort("127.0.0.1", strconv.Itoa(number)))
	if err != nil {
		return 0, fmt.Errorf("listen on port %d for health and metrics: %w: stop what does, or choose another port with %s", number, err, change)
	}
	return number, listener.Close()
}

// configure points worker and simulator at the engines.
func (d *demo) configure(engines *engine.Engines) error {
	settings := config.Defaults()
	settings.Kafka.Brokers = []string{engines.Kafka.Addr}
	settings.Redis.Addr = engines.Redis.Addr
	settings.ClickHouse.Addr = engines.ClickHouse.Addr
	settings.ShutdownTimeout = 5 * time.Second // somebody waits for it
	settings.HTTP.Addr = net.JoinHostPort("127.0.0.1", strconv.Itoa(d.flags.httpPort))
	if settings.Programs = d.flags.programs; settings.Programs == "" {
		settings.Programs = filepath.Join(d.flags.ports.dataDir, "programs.yaml")
		if err := os.WriteFile(settings.Programs, demoPrograms, 0o644); err != nil { //nolint:gosec // nothing secret in it
			return fmt.Errorf("write the programs of the demo: %w", err)
		}
	}
	d.settings = &settings
	catalog, err := config.LoadPrograms(settings.Programs)
	if err != nil {
		return err
	}
	settings.HTTP.Tokens = make(map[string][]config.Secret, len(catalog.Orgs))
	for org := range catalog.Orgs {
		settings.HTTP.Tokens[org] = []config.Secret{config.NewSecret(rand.Text())}
	}
	d.options = simulate.Options{
		Seed: d.flags.seed, Start: time.Now(), Programs: simulatedPrograms(catalog, time.Now()), Clicks: -1,
		Duplicates: 0.1, Redelivered: 0.01, Bots: 0.03, Codes: 0.1, PerClick: 0.02,
		Members: 500, Referrers: 500, Visitors: 250_000, Rate: d.flags.rate,
	}
	return d.options.Check()
}
