package main

import (
	"fmt"
	"log/slog"
	"os"

	"github.com/spf13/cobra"

	"github.com/grapevinehq/grapevine/config"
)

func newMigrateCommand() *cobra.Command {
	var path string
	c := &cobra.Command{
		Use:   "migrate",
		Short: "Bring the ClickHouse schema up to date",
		Long: `Make the database if it is missing, bring its tables up to date and put the views
in place. It goes forward only, and can be repeated. ` + "`grapevine run`" + ` does the same
when it starts, unless the setting migrate is false.`,
		Example: `  grapevine migrate
  grapevine migrate --config worker.yaml`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			settings, err := config.LoadSettings(path, os.Environ())
			if err != nil {
				return err
			}
			books, err := openBooks(settings, slog.New(slog.DiscardHandler), func(string) {})
			if err != nil {
				return err
			}
			defer books.Close() //nolint:errcheck // what was made stays made
			if err := books.Migrate(cmd.Context()); err != nil {
				return err
			}
			fmt.Fprintf(cmd.OutOrStdout(), "Database %s at %v is up to date.\n", settings.ClickHouse.Database, settings.ClickHouse.Addresses())
			return nil
		},
	}
	c.Flags().StringVar(&path, "config", "", "worker configuration `file` (YAML), as for grapevine run")
	return c
}
