package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"time"

	"github.com/spf13/cobra"

	"github.com/grapevinehq/grapevine/analytics"
	"github.com/grapevinehq/grapevine/config"
	"github.com/grapevinehq/grapevine/internal/verify"
	"github.com/grapevinehq/grapevine/pipeline/state"
)

// verifyFlags say what is verified, and how it is told.
type verifyFlags struct {
	config, org, program, from, to, format string
	limit                                  int
	patience                               time.Duration
	visitors                               bool
}

func newVerifyCommand() *cobra.Command {
	var f verifyFlags
	c := &cobra.Command{
		Use:   "verify",
		Short: "Reconcile Kafka, Redis and ClickHouse, and name every difference",
		Long: `Hold the group's commits in Kafka, the memory in Redis and the books in ClickHouse
against each other, and name every difference with its program, day and events.
Nothing is changed. The pipeline may run meanwhile: what was acknowledged when the
command began is judged. Sums are compared first, rows only where sums differ.

Days are those of the program; where rows are held against batches, those of the
batch. docs/verify.md says what is compared and what to do about a difference.

Exit code 0 when there is no difference, 1 when there is any, or when the comparison
could not be finished.`,
		Example: `  grapevine verify
  grapevine verify --from 2026-11-23 --org acme --program us-store
  grapevine verify --format json | jq .differences`,
		Args: usageArgs(cobra.NoArgs),
		RunE: func(cmd *cobra.Command, _ []string) error {
			if err := f.check(); err != nil {
				return err
			}
			settings, err := config.LoadSettings(f.config, os.Environ())
			if err != nil {
				return err
			}
			report, err := f.verify(cmd, settings)
			if err != nil {
				return err
			}
			if err := f.write(cmd.OutOrStdout(), report); err != nil {
				return err
			}
			if report.Total() > 0 {
				return reported{fmt.Errorf("there are %d differences", report.Total())}
			}
			return nil
		},
	}
	c.Flags().StringVar(&f.config, "config", "", "worker configuration `file` (YAML), as for grapevine run")
	c.Flags().StringVar(&f.org, "org", "", "this org alone")
	c.Flags().StringVar(&f.program, "program", "", "this program of the org alone")
	c.Flags().StringVar(&f.from, "from", "", "from this `day` on, as 2026-11-23")
	c.Flags().StringVar(&f.to, "to", "", "up to this `day`, included")
	c.Flags().StringVar(&f.format, "format", "text", "text or json")
	c.Flags().IntVar(&f.limit, "limit", 100, "how many differences each check names; all are counted")
	c.Flags().DurationVar(&f.patience, "patience", 30*time.Second, "how long rewards may take to work what attribution handed over")
	c.Flags().BoolVar(&f.visitors, "visitors", false, "compare the views that count visitors too: reads a row for each program, day and visitor")
	return c
}

func (f *verifyFlags) check() error {
	if f.program != "" && f.org == "" {
		return usageError{fmt.Errorf("--program %s needs --org: programs of two orgs may have one id", f.program)}
	}
	for name, day := range map[string]string{"from": f.from, "to": f.to} {
		if _, err := time.Parse(time.DateOnly, day); day != "" && err != nil {
			return usageError{fmt.Errorf("--%s %q is no day, such as 2026-11-23", name, day)}
		}
	}
	if f.from != "" && f.to != "" && f.to < f.from {
		return usageError{errors.New("--to is before --from")}
	}
	if f.limit < 1 {
		return usageError{errors.New("--limit must be 1 at least")}
	}
	return checkFormat(f.format, "text", "json")
}

func (f *verifyFlags) verify(cmd *cobra.Command, settings *config.Settings) (*verify.Report, error) {
	ctx := cmd.Context()
	books, err := readBooks(ctx, settings)
	if err != nil {
		return nil, err
	}
	defer books.Close() //nolint:errcheck // read only
	cluster, err := openKafka(settings, slog.New(slog.DiscardHandler))
	if err != nil {
		return nil, err
	}
	defer cluster.Close()
	store, closeRedis, err := readRedis(ctx, settings)
	if err != nil {
		return nil, err
	}
	defer closeRedis()
	events, err := newKafkaClient(settings)
	if err != nil {
		return nil, err
	}
	defer closeKafkaClient(events)
	v := &verify.Verifier{
		Kafka: cluster, Books: books, Redis: store, Patience: f.patience, Visitors: f.visitors,
		Event:    func(ctx context.Context, position string) (verify.Event, bool) { return eventAt(ctx, events, position) },
		Progress: func(check string) { fmt.Fprintln(cmd.ErrOrStderr(), "comparing", check) },
	}
	return v.Verify(ctx, analytics.Scope{OrgID: f.org, ProgramID: f.program, From: f.from, To: f.to, Limit: f.limit})
}

// readRedis opens the memory of an installation to read it. A Redis that is away is an
// error, and not waited for.
func readRedis(ctx context.Context, settings *config.Settings) (store *state.Store, closeRedis func(), err error) {
	client, err := openRedis(settings)
	if err != nil {
		return nil, nil, err
	}
	closeRedis = func() { _ = client.Close() } // nothing was written
	if err = client.Ping(ctx).Err(); err == nil {
		store, err = state.Open(ctx, client, state.Options{Log: slog.New(slog.DiscardHandler), Encoder: recordEncoder})
	}
	if err != nil {
		closeRedis()
		return nil, nil, fmt.Errorf("ask Redis at %v: %w", settings.Redis.Addresses(), err)
	}
	return store, closeRedis, nil
}
