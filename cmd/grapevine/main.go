// Command grapevine is the referral stream processor: its workers, the engines
// that a machine without any can run it on, and the tools around them.
//
// Each command has a file of its own; worker.go wires what `run` runs, read
// from top to bottom.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"strings"
	"syscall"

	"github.com/spf13/cobra"

	"github.com/grapevinehq/grapevine/internal/engine"
)

// Exit codes (contract §8).
const (
	exitDone   = 0
	exitFailed = 1
	exitUsage  = 2
)

func main() {
	engine.MaybeRunChild()
	os.Exit(execute(os.Args[1:], os.Stdout, os.Stderr))
}

// execute runs a command line and returns its exit code. The first interrupt
// asks the command to end cleanly; a second one ends the process.
func execute(args []string, stdout, stderr io.Writer) int {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	context.AfterFunc(ctx, stop)
	root := newRootCommand()
	root.SetArgs(args)
	root.SetOut(stdout)
	root.SetErr(stderr)
	err := root.ExecuteContext(ctx)
	if err == nil {
		return exitDone
	}
	var quiet reported
	if !errors.As(err, &quiet) {
		fmt.Fprintln(stderr, "grapevine:", err)
	}
	var usage usageError
	if errors.As(err, &usage) || strings.HasPrefix(err.Error(), "unknown command") {
		fmt.Fprintln(stderr, "Run `grapevine --help`, or --help behind any command.")
		return exitUsage
	}
	return exitFailed
}

// reported marks an error that the command itself has told already.
type reported struct{ error }

// usageError marks a command line that is wrong: exit code 2.
type usageError struct{ error }

func newRootCommand() *cobra.Command {
	root := &cobra.Command{
		Use:   "grapevine",
		Short: "Referral clicks and conversions in, exact books and rewards out",
		Long: `Grapevine reads referral clicks and conversions from Kafka, attributes
conversions to the members who referred them, writes the books to ClickHouse and
emits reward events: the same events in give the same books out.`,
		Example: `  grapevine demo                     # everything at once, on this machine
  grapevine up                       # the three engines alone
  grapevine run                      # the pipeline
  grapevine simulate --clicks 100000 # something to do for it
  grapevine report                   # what came out`,
		SilenceErrors: true,
		SilenceUsage:  true,
	}
	root.SetFlagErrorFunc(func(_ *cobra.Command, err error) error { return usageError{err} })
	root.CompletionOptions.HiddenDefaultCmd = true
	root.AddCommand(commands()...)
	for _, c := range root.Commands() {
		c.Args = usageArgs(c.Args)
	}
	knowHelpTopics(root)
	return root
}

// knowHelpTopics makes `help` behind nothing that is there an error of usage.
func knowHelpTopics(root *cobra.Command) {
	root.InitDefaultHelpCmd()
	for _, c := range root.Commands() {
		if c.Name() != "help" {
			continue
		}
		c.Example = "  grapevine help dead-letters show"
		c.Args = usageArgs(func(_ *cobra.Command, args []string) error {
			_, rest, err := root.Find(args)
			if err == nil && len(rest) > 0 {
				err = fmt.Errorf("there is no help for %q", strings.Join(args, " "))
			}
			return err
		})
	}
}

// usageArgs makes wrong arguments an error of usage.
func usageArgs(check cobra.PositionalArgs) cobra.PositionalArgs {
	if check == nil {
		return nil
	}
	return func(c *cobra.Command, args []string) error {
		if err := check(c, args); err != nil {
			return usageError{err}
		}
		return nil
	}
}
