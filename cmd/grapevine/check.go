package main

import (
	"cmp"
	"errors"
	"fmt"
	"io"
	"os"

	"github.com/jedib0t/go-pretty/v6/table"
	"github.com/spf13/cobra"

	"github.com/grapevinehq/grapevine/config"
	"github.com/grapevinehq/grapevine/pipeline/program"
)

// checkFlags say what is checked, and whether it is printed as it decides.
type checkFlags struct {
	settings, programs string

	print               bool
	program, at, format string
}

func newCheckCommand() *cobra.Command {
	var f checkFlags
	cmd := &cobra.Command{
		Use:   "check",
		Short: "Validate the settings and the programs",
		Long: `Validate the worker's settings and the program files, and print every problem
with file, line and column. Nothing is connected to and nothing is changed.

What can be carried out and is hardly meant is a warning, for instance a message
without a text in the program's locale.

With --print, print the programs as they decide: templates merged, defaults filled
in, and behind each value the file and line that it comes from, and the template if
one brought it. The output is itself a file of programs, and decides the same.

Exit code 0 when both are good, 1 when there is a problem.`,
		Example: `  grapevine check
  grapevine check --config worker.yaml
  grapevine check --programs programs/
  grapevine check --print --program acme/shop --at 2026-11-01T00:00:00Z
  grapevine check --print --format json | jq .origins`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			cmd.SilenceUsage = true
			if err := f.check(); err != nil {
				return err
			}
			return f.run(os.Environ(), cmd.OutOrStdout(), cmd.ErrOrStderr())
		},
	}
	cmd.Flags().StringVar(&f.settings, "config", "", "file with the worker's settings")
	cmd.Flags().StringVar(&f.programs, "programs", "", "file or folder of programs (default: as the settings say)")
	cmd.Flags().BoolVar(&f.print, "print", false, "print the programs as they decide, and where each value comes from")
	cmd.Flags().StringVar(&f.program, "program", "", "print this program alone, as `org/program`, with what it refers to")
	cmd.Flags().StringVar(&f.at, "at", "", "print the versions valid at this `time`, RFC 3339 or now")
	cmd.Flags().StringVar(&f.format, "format", "yaml", "print as yaml or json")
	return cmd
}

// run reports on both configurations, also on the programs when the settings are
// bad: one run names every problem.
func (f *checkFlags) run(environ []string, out, warn io.Writer) error {
	settings, settingsErr := config.LoadSettings(f.settings, environ)
	if settings != nil {
		for _, w := range settings.Warnings {
			fmt.Fprintln(warn, "warning:", w)
		}
	} else {
		defaults := config.Defaults()
		settings = &defaults
	}
	programs, programsErr := config.ReadPrograms(cmp.Or(f.programs, settings.Programs))
	if count := printProblems(warn, settingsErr) + printProblems(warn, programsErr); count == 1 {
		return errors.New("there is 1 problem")
	} else if count > 1 {
		return fmt.Errorf("there are %d problems", count)
	}
	for _, w := range programs.Warnings {
		fmt.Fprintln(warn, "warning:", w)
	}
	if f.print {
		return f.printPrograms(out, programs)
	}
	summary(out, programs.Catalog)
	return nil
}

// printProblems prints one problem a line, file:line:column first, so that
// editors find the place, and counts them.
func printProblems(out io.Writer, err error) int {
	if err == nil {
		return 0
	}
	fmt.Fprintln(out, err)
	var problems *config.Problems
	if errors.As(err, &problems) {
		return problems.Count()
	}
	return 1
}

func summary(out io.Writer, catalog *program.Catalog) {
	t := table.NewWriter()
	t.SetOutputMirror(out)
	t.SetStyle(table.StyleLight)
	t.AppendHeader(table.Row{"org", "programs", "versions", "rules"})
	for _, n := range config.Summary(catalog) {
		t.AppendRow(table.Row{n.Org, n.Programs, n.Versions, n.Rules})
	}
	t.Render()
	fmt.Fprintf(out, "The settings and the programs are good. Revision %.12s.\n", catalog.Revision)
}
