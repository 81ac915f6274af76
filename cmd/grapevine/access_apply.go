package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"time"

	"github.com/ClickHouse/clickhouse-go/v2"
	"github.com/ClickHouse/clickhouse-go/v2/lib/driver"
	"github.com/jedib0t/go-pretty/v6/table"
	"github.com/spf13/cobra"

	"github.com/grapevinehq/grapevine/analytics/access"
	"github.com/grapevinehq/grapevine/config"
)

// applyFlags say where access is given.
type applyFlags struct {
	config, programs, usersFile string
	dryRun                      bool
}

func newAccessApplyCommand() *cobra.Command {
	var f applyFlags
	c := &cobra.Command{
		Use:   "apply",
		Short: "Make, correct and take away users of ClickHouse as the programs say",
		Long: `Make a user of ClickHouse for everybody in the access of the programs, named org__user,
with the rights to read, row policies on every table and view, and limits that keep
one query from harming others. What was made before and is not wanted any more is taken
away; what this command did not make is not touched. It can be run again at any time.

Passwords come from the settings access.passwords and access.passwords_dir. A user
who is there keeps the password when none is given.

With --users-file, write the users file of the embedded ClickHouse instead: grapevine up
and grapevine demo take it with --clickhouse-users. With --dry-run, print what would be
run or written, without hashes of passwords.`,
		Example: `  grapevine access apply --dry-run
  GRAPEVINE_ACCESS_PASSWORDS_DIR=/run/secrets/people grapevine access apply
  grapevine access apply --users-file users.xml && grapevine up --clickhouse-users users.xml`,
		Args: usageArgs(cobra.NoArgs),
		RunE: func(cmd *cobra.Command, _ []string) error {
			settings, err := config.LoadSettings(f.config, os.Environ())
			if err != nil {
				return err
			}
			wanted, err := f.wanted(settings)
			if err != nil {
				return err
			}
			if f.usersFile != "" {
				return f.write(wanted, cmd.OutOrStdout())
			}
			return f.apply(cmd.Context(), settings, wanted, cmd.OutOrStdout())
		},
	}
	c.Flags().StringVar(&f.config, "config", "", "worker configuration `file` (YAML), as for grapevine run")
	c.Flags().StringVar(&f.programs, "programs", "", "file or folder of programs (default: as the settings say)")
	c.Flags().BoolVar(&f.dryRun, "dry-run", false, "print what would be done, and do nothing")
	c.Flags().StringVar(&f.usersFile, "users-file", "", "write the users of the embedded ClickHouse to this `file`")
	return c
}

// wanted is the access that the programs and settings ask for.
func (f *applyFlags) wanted(settings *config.Settings) (access.Wanted, error) {
	catalog, err := config.LoadPrograms(cmp.Or(f.programs, settings.Programs))
	if err != nil {
		return access.Wanted{}, err
	}
	s := settings.Access
	wanted := access.Wanted{
		Database: settings.ClickHouse.Database, People: access.People(catalog), Passwords: make(map[string]string, len(s.Passwords)),
		Limits: access.Limits{Time: s.MaxTime, Memory: s.MaxMemory, ResultRows: s.MaxRows, Queries: s.MaxQueries},
	}
	for login, password := range s.Passwords {
		wanted.Passwords[login] = password.Reveal()
	}
	return wanted, nil
}

// write makes the users file, for its owner's eyes alone.
func (f *applyFlags) write(wanted access.Wanted, out io.Writer) error {
	text, err := access.UsersFile(wanted, f.dryRun)
	if err != nil {
		return err
	}
	if f.dryRun {
		_, err = out.Write(text)
		return err
	}
	fresh := f.usersFile + ".new" // so that nobody reads half of it
	if err := os.WriteFile(fresh, text, 0o600); err != nil {
		return fmt.Errorf("write the users file: %w", err)
	}
	if err := os.Rename(fresh, f.usersFile); err != nil {
		return errors.Join(fmt.Errorf("write the users file: %w", err), os.Remove(fresh))
	}
	people(out, wanted)
	fmt.Fprintf(out, "They are in %s: start grapevine up or demo with --clickhouse-users %s.\n", f.usersFile, f.usersFile)
	return nil
}

// apply brings a server up to date, or prints what would.
func (f *applyFlags) apply(ctx context.Context, settings *config.Settings, wanted access.Wanted, out io.Writer) error {
	conn, err := openAccess(settings)
	if err != nil {
		return err
	}
	defer conn.Close() //nolint:errcheck // what was done holds
	standing, err := access.Stands(ctx, conn, wanted)
	if err != nil {
		return fmt.Errorf("ClickHouse at %v: %w", settings.ClickHouse.Addresses(), err)
	}
	statements, err := access.Statements(wanted, standing)
	if err != nil {
		return err
	}
	if f.dryRun {
		for _, s := range statements {
			fmt.Fprintln(out, s.Shown+";")
		}
		return nil
	}
	if err := access.Apply(ctx, conn, statements); err != nil {
		return fmt.Errorf("ClickHouse at %v: %w", settings.ClickHouse.Addresses(), err)
	}
	people(out, wanted)
	fmt.Fprintf(out, "They may see database %s at %v.\n", wanted.Database, settings.ClickHouse.Addresses())
	return nil
}

// openAccess readies a connection that asks for no database: there may be none yet.
func openAccess(s *config.Settings) (driver.Conn, error) {
	encryption, err := tlsConfig("clickhouse", s.ClickHouse.TLS)
	if err != nil {
		return nil, err
	}
	conn, err := clickhouse.Open(&clickhouse.Options{
		Addr: s.ClickHouse.Addresses(), TLS: encryption, DialTimeout: 5 * time.Second,
		Auth: clickhouse.Auth{Database: "default", Username: s.ClickHouse.Username, Password: s.ClickHouse.Password.Reveal()},
	})
	if err != nil {
		return nil, fmt.Errorf("open ClickHouse at %v: %w", s.ClickHouse.Addresses(), err)
	}
	return conn, nil
}

// people prints who sees what.
func people(out io.Writer, wanted access.Wanted) {
	t := table.NewWriter()
	t.SetOutputMirror(out)
	t.SetStyle(table.StyleLight)
	t.AppendHeader(table.Row{"login", "org", "role", "programs"})
	for _, p := range wanted.People {
		role, programs := "analyst", strings.Join(p.Programs, ", ")
		if p.Owner() {
			role, programs = "owner", "all"
		}
		t.AppendRow(table.Row{p.Login, printable(p.OrgID), role, printable(programs)})
	}
	t.Render()
}
