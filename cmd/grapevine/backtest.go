package main

import (
	"context"
	"fmt"
	"io"
	"os"
	"runtime/debug"
	"slices"
	"time"

	"github.com/spf13/cobra"

	"github.com/grapevinehq/grapevine/config"
	"github.com/grapevinehq/grapevine/pipeline/backtest"
	"github.com/grapevinehq/grapevine/pipeline/program"
)

// backtestFlags say what is run, and what is told of it.
type backtestFlags struct {
	config, programs, org, program, format string
	from, to                               string
	top                                    int
}

func newBacktestCommand() *cobra.Command {
	var f backtestFlags
	c := &cobra.Command{
		Use:   "backtest",
		Short: "Run new rules over recorded history: who would have won, at what cost",
		Long: `Run the programs of a file over the history in ClickHouse, with the code of the
pipeline, and show what every rule would have given beside what was paid, and the
people whose rewards differ most. Nothing is changed and nothing is published.

--from and --to choose rewards by the time of their conversion. All of the history
is run all the same: what was before decides who is bound and which tiers are held,
what came after may have taken something back. With the file that decided, the
figures are those of the books. Verdicts on clicks stand as they were.`,
		Example: `  grapevine backtest --programs new.yaml
  grapevine backtest --programs new.yaml --from 2026-10-01 --to 2026-11-01
  grapevine backtest --programs new.yaml --org acme --program us-store --top 50
  grapevine backtest --programs new.yaml --format json | jq '.rules[] | {rule_id, difference}'`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			window, err := f.check()
			if err != nil {
				return err
			}
			settings, err := config.LoadSettings(f.config, os.Environ())
			if err != nil {
				return err
			}
			report, err := f.run(cmd.Context(), settings, window, cmd.ErrOrStderr())
			if err != nil {
				return err
			}
			return f.write(cmd.OutOrStdout(), report)
		},
	}
	c.Flags().StringVar(&f.config, "config", "", "worker configuration `file` (YAML), as for grapevine run")
	c.Flags().StringVar(&f.programs, "programs", "", "`file` or folder of the programs to be run (default: as the settings say)")
	c.Flags().StringVar(&f.from, "from", "", "rewards of conversions from this `time` on: RFC 3339, or a day in UTC (default: all)")
	c.Flags().StringVar(&f.to, "to", "", "rewards of conversions before this `time` (default: all)")
	c.Flags().StringVar(&f.org, "org", "", "this org alone")
	c.Flags().StringVar(&f.program, "program", "", "tell of this program of the org alone; the org is run whole")
	c.Flags().StringVar(&f.format, "format", "table", "table or json")
	c.Flags().IntVar(&f.top, "top", 10, "how many people, by currency and unit")
	return c
}

// check refuses what cannot be asked for, and finds the window.
func (f *backtestFlags) check() (backtest.Window, error) {
	w := backtest.Always
	if f.program != "" && f.org == "" {
		return w, usageError{fmt.Errorf("--program %s needs --org: programs of two orgs may have one id", f.program)}
	}
	if f.top < 1 {
		return w, usageError{fmt.Errorf("--top must be 1 at least")}
	}
	for _, end := range []struct {
		flag, text string
		to         *int64
	}{{"--from", f.from, &w.From}, {"--to", f.to, &w.To}} {
		if end.text == "" {
			continue
		}
		at, err := timeOf(end.text)
		if err != nil {
			return w, usageError{fmt.Errorf("%s %q: neither a time (RFC 3339) nor a day (2026-11-01)", end.flag, end.text)}
		}
		*end.to = at.UnixMilli()
	}
	if w.From >= w.To {
		return w, usageError{fmt.Errorf("--from %s is not before --to %s", f.from, f.to)}
	}
	return w, checkFormat(f.format, "table", "json")
}

// timeOf reads a time, or the beginning of a day in UTC.
func timeOf(text string) (time.Time, error) {
	if day, err := time.Parse(time.DateOnly, text); err == nil {
		return day, nil
	}
	return time.Parse(time.RFC3339, text)
}

// collectEarly is how much garbage may come on top of what lives before it is
// collected, in per cent: a run keeps all that it remembers of an org in memory.
const collectEarly = 50

func (f *backtestFlags) run(ctx context.Context, settings *config.Settings, window backtest.Window, progress io.Writer) (*backtest.Report, error) {
	defer debug.SetGCPercent(debug.SetGCPercent(collectEarly))
	path := f.programs
	if path == "" {
		path = settings.Programs
	}
	catalog, err := config.LoadPrograms(path)
	if err != nil {
		return nil, err
	}
	books, err := readBooks(ctx, settings)
	if err != nil {
		return nil, err
	}
	defer books.Close() //nolint:errcheck // read only
	if err := f.known(ctx, books.History(), catalog); err != nil {
		return nil, err
	}
	return backtest.Run(ctx, backtest.Options{
		History: books.History(), Catalog: catalog, Org: f.org, Program: f.program, Window: window, Top: f.top,
		Now: time.Now().UnixMilli(), Told: tellProgress(progress, time.Now),
	})
}

// known refuses an org that nobody has heard of, and a program that its org lacks.
func (f *backtestFlags) known(ctx context.Context, history backtest.History, catalog *program.Catalog) error {
	if f.org == "" || catalog.Orgs[f.org] != nil && (f.program == "" || catalog.Program(f.org, f.program) != nil) {
		return nil
	}
	orgs, err := history.Orgs(ctx)
	if err != nil {
		return err
	}
	if !slices.Contains(orgs, f.org) {
		return fmt.Errorf("org %s is neither in the programs nor in the books", printable(f.org))
	}
	return nil
}

// progressPause is how often a run says how far it is.
const progressPause = 2 * time.Second

// tellProgress writes how far a run is, now and then.
func tellProgress(to io.Writer, now func() time.Time) func(backtest.Progress) {
	began := now()
	last := began
	return func(p backtest.Progress) {
		if now().Sub(last) < progressPause {
			return
		}
		last = now()
		fmt.Fprintf(to, "%s, org %d of %d: %s of about %s rows after %s\n",
			printable(p.Org), p.Orgs+1, p.Of, formatCount(p.Rows), formatCount(p.Most), last.Sub(began).Round(time.Second))
	}
}

func (f *backtestFlags) write(out io.Writer, r *backtest.Report) error {
	if f.format == "json" {
		return writeBacktestJSON(out, r, f.from, f.to)
	}
	writeBacktest(out, r)
	return nil
}
