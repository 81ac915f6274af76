package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"time"

	"github.com/spf13/cobra"

	"github.com/grapevinehq/grapevine/config"
	"github.com/grapevinehq/grapevine/pipeline/progress"
)

// memberFlags say of whom the progress is shown, and how.
type memberFlags struct {
	config, org, program, at, format string
}

func newReportMemberCommand() *cobra.Command {
	var f memberFlags
	c := &cobra.Command{
		Use:   "member ID",
		Short: "Show how far a member is: metrics, tiers, what is missing, rewards",
		Long: `Show what a member has reached of each tiers rule in its present period, what
comes next and what is missing, and how the member's rewards stand. The programs
are those of the settings.

JSON is what the worker answers at /v1/orgs/ORG/programs/PROGRAM/members/ID.`,
		Example: `  grapevine report member ann
  grapevine report member --org acme --program us-store ann
  grapevine report member --at 2026-09-30T12:00:00Z ann   # the quarter before
  grapevine report member --format json ann`,
		Args: usageArgs(cobra.ExactArgs(1)),
		RunE: func(cmd *cobra.Command, args []string) error {
			at, err := f.check(time.Now())
			if err != nil {
				return err
			}
			settings, err := config.LoadSettings(f.config, os.Environ())
			if err != nil {
				return err
			}
			told, err := f.read(cmd.Context(), settings, args[0], at)
			if err != nil {
				return err
			}
			return f.write(cmd.OutOrStdout(), told)
		},
	}
	c.Flags().StringVar(&f.config, "config", "", "worker configuration `file` (YAML), as for grapevine run")
	c.Flags().StringVar(&f.org, "org", "", "org of the member, if several have one of this id")
	c.Flags().StringVar(&f.program, "program", "", "program, if the member is in several")
	c.Flags().StringVar(&f.at, "at", "", "periods and version of this `time` (RFC 3339) instead of now")
	c.Flags().StringVar(&f.format, "format", "table", "table or json")
	return c
}

func (f *memberFlags) check(now time.Time) (at time.Time, err error) {
	if err := checkFormat(f.format, "table", "json"); err != nil {
		return at, err
	}
	if f.at == "" {
		return now, nil
	}
	if at, err = time.Parse(time.RFC3339, f.at); err != nil {
		return at, usageError{fmt.Errorf("--at %q is not a time such as 2026-09-30T12:00:00Z", f.at)}
	}
	return at, nil
}

func (f *memberFlags) read(ctx context.Context, settings *config.Settings, id string, at time.Time) (*progress.Progress, error) {
	catalog, err := config.LoadPrograms(settings.Programs)
	if err != nil {
		return nil, err
	}
	books, err := readBooks(ctx, settings)
	if err != nil {
		return nil, err
	}
	defer books.Close() //nolint:errcheck // read only
	if f.org == "" || f.program == "" {
		found, err := books.MemberPrograms(ctx, f.org, f.program, id)
		if err != nil {
			return nil, err
		}
		of, err := theOne(found, "member "+printable(id), "--org and --program together show also who has nothing yet")
		if err != nil {
			return nil, err
		}
		f.org, f.program = of.OrgID, of.ProgramID
	}
	p := catalog.Program(f.org, f.program)
	if p == nil {
		return nil, fmt.Errorf("%s has no program %s/%s", settings.Programs, printable(f.org), printable(f.program))
	}
	asked := progress.Ask(p, id, at.UnixMilli())
	answer, err := books.Progress(ctx, &asked.Question)
	if err != nil {
		return nil, err
	}
	told := asked.Tell(answer)
	return &told, nil
}

func (f *memberFlags) write(out io.Writer, p *progress.Progress) error {
	if f.format == "json" {
		encoder := json.NewEncoder(out)
		encoder.SetIndent("", "  ")
		return encoder.Encode(p)
	}
	writeProgress(out, p)
	return nil
}
