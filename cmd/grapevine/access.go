package main

import (
	"errors"

	"github.com/spf13/cobra"
)

func newAccessCommand() *cobra.Command {
	c := &cobra.Command{
		Use:   "access",
		Short: "Let people see the books of their programs, and nothing else",
		Long: `Make users of ClickHouse out of the access that the programs give: an analyst sees the
rows of their programs, an owner those of the org. docs/access.md says what they see.`,
		Example: `  grapevine access apply --dry-run
  grapevine access apply`,
		Args: cobra.NoArgs,
		RunE: func(*cobra.Command, []string) error {
			return usageError{errors.New("access needs its command: apply")}
		},
	}
	c.AddCommand(newAccessApplyCommand())
	return c
}
