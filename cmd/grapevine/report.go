package main

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"slices"
	"time"

	"github.com/spf13/cobra"

	"github.com/grapevinehq/grapevine/analytics"
	"github.com/grapevinehq/grapevine/config"
)

// reportFlags say what is reported.
type reportFlags struct {
	config, org, program, format string
	days, top                    int
}

// programReport is what a report is made of. Days and balances are those of one
// program.
type programReport struct {
	Totals   []analytics.ProgramFigures
	Days     []analytics.DayFigures
	Leaders  []analytics.Leader
	Balances []analytics.Balance
}

func newReportCommand() *cobra.Command {
	var f reportFlags
	c := &cobra.Command{
		Use:   "report",
		Short: "Show what came out: clicks, conversions, revenue, rewards",
		Long: `Show the figures of all programs, or of an org's; with --program also its days,
and what its members have earned. Money is net and in the program's currency.

JSON and CSV have money in minor units. CSV is one table: the programs, or with
--program the days.`,
		Example: `  grapevine report
  grapevine report --org acme --program us-store
  grapevine report --org acme --program us-store --format csv > days.csv
  grapevine report member ann   # one member: tiers, what is missing, rewards`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if err := f.check(); err != nil {
				return err
			}
			settings, err := config.LoadSettings(f.config, os.Environ())
			if err != nil {
				return err
			}
			report, err := f.read(cmd.Context(), settings)
			if err != nil {
				return err
			}
			return f.write(cmd.OutOrStdout(), report)
		},
	}
	c.AddCommand(newReportMemberCommand())
	c.Flags().StringVar(&f.config, "config", "", "worker configuration `file` (YAML), as for grapevine run")
	c.Flags().StringVar(&f.org, "org", "", "this org alone")
	c.Flags().StringVar(&f.program, "program", "", "this program of the org, in more detail")
	c.Flags().StringVar(&f.format, "format", "table", "table, json or csv")
	c.Flags().IntVar(&f.days, "days", 14, "how many days back, with --program")
	c.Flags().IntVar(&f.top, "top", 10, "how many referrers and balances")
	return c
}

func (f *reportFlags) check() error {
	if f.program != "" && f.org == "" {
		return usageError{fmt.Errorf("--program %s needs --org: programs of two orgs may have one id", f.program)}
	}
	if f.days < 1 || f.top < 1 {
		return usageError{fmt.Errorf("--days and --top must be 1 at least")}
	}
	return checkFormat(f.format, "table", "json", "csv")
}

func (f *reportFlags) read(ctx context.Context, settings *config.Settings) (r programReport, err error) {
	books, err := readBooks(ctx, settings)
	if err != nil {
		return r, err
	}
	defer books.Close() //nolint:errcheck // read only
	if r.Totals, err = books.Totals(ctx, f.org, f.program); err != nil {
		return r, err
	}
	if r.Leaders, err = books.Leaders(ctx, f.org, f.program, f.top); err != nil {
		return r, err
	}
	if f.program == "" {
		return r, nil
	}
	now := time.Now().UTC()
	if r.Days, err = books.Daily(ctx, f.org, f.program, now.AddDate(0, 0, -f.days+1), now.AddDate(0, 0, 1)); err != nil {
		return r, err
	}
	balances, err := books.Balances(ctx, f.org, f.program, mostBalances)
	r.Balances = largestBalances(balances, f.top)
	return r, err
}

// mostBalances bounds how many balances are read for the largest of each
// currency and unit.
const mostBalances = 200_000

// largestBalances keeps so many of each currency and unit, money first.
func largestBalances(balances []analytics.Balance, top int) []analytics.Balance {
	type measure struct{ currency, unit string }
	kept := make(map[measure]int)
	var largest []analytics.Balance
	for _, b := range balances { // the largest come first
		m := measure{b.Currency, b.Unit}
		if kept[m]++; kept[m] <= top {
			largest = append(largest, b)
		}
	}
	slices.SortStableFunc(largest, func(a, b analytics.Balance) int {
		return cmp.Or(cmp.Compare(a.Unit, b.Unit), cmp.Compare(a.Currency, b.Currency))
	})
	return largest
}

func (f *reportFlags) write(out io.Writer, r programReport) error {
	switch f.format {
	case "json":
		return writeReportJSON(out, r)
	case "csv":
		return writeReportCSV(out, r, f.program != "")
	}
	if len(r.Totals) == 0 {
		fmt.Fprintf(out, "Nothing has been recorded%s yet: `grapevine simulate` makes traffic, `grapevine run` works it.\n", f.of())
		return nil
	}
	writeReportTables(out, r, f.program != "")
	return nil
}

// of names what the report is about, unless that is everything.
func (f *reportFlags) of() string {
	switch {
	case f.program != "":
		return " of " + printable(f.org+"/"+f.program)
	case f.org != "":
		return " of " + printable(f.org)
	}
	return ""
}

// writeReportJSON writes all of a report; money is in minor units.
func writeReportJSON(out io.Writer, r programReport) error {
	document := struct {
		Programs []programLine `json:"programs"`
		Days     []dayLine     `json:"days,omitempty"`
		Leaders  []leaderLine  `json:"referrers"`
		Balances []balanceLine `json:"balances,omitempty"`
	}{Programs: []programLine{}, Leaders: []leaderLine{}}
	for _, p := range r.Totals {
		document.Programs = append(document.Programs, programLine{p.OrgID, p.ProgramID, figuresLine(p.Figures)})
	}
	for _, d := range r.Days {
		document.Days = append(document.Days, dayLine{d.Day.Format(time.DateOnly), figuresLine(d.Figures)})
	}
	for _, l := range r.Leaders {
		document.Leaders = append(document.Leaders, leaderLine(l))
	}
	for _, b := range r.Balances {
		document.Balances = append(document.Balances, balanceLine(b))
	}
	encoder := json.NewEncoder(out)
	encoder.SetIndent("", "  ")
	return encoder.Encode(document)
}
