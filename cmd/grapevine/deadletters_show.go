package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/spf13/cobra"
)

func newDeadLettersShowCommand() *cobra.Command {
	var path string
	var raw bool
	c := &cobra.Command{
		Use:   "show TOPIC/PARTITION/OFFSET",
		Short: "Show one dead letter whole: reasons, headers and the original",
		Long: `Show the dead letter of the event that stood at a place in Kafka, as
dead-letters list names it. What a terminal might obey is written as an escape;
--raw writes the original's bytes as they are, for a file or a pipe.`,
		Example: `  grapevine dead-letters show referral.clicks/3/1042
  grapevine dead-letters show --raw referral.clicks/3/1042 > event.json`,
		Args: usageArgs(cobra.ExactArgs(1)),
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := checkOrigin(args[0]); err != nil {
				return usageError{err}
			}
			if raw && isTerminal(cmd.OutOrStdout()) {
				return usageError{errors.New("--raw is for a file or a pipe: a terminal might obey what the event says")}
			}
			letter, err := findDeadLetter(cmd.Context(), path, args[0])
			if err != nil {
				return err
			}
			if raw {
				_, err = cmd.OutOrStdout().Write(letter.Value)
				return err
			}
			showDeadLetter(cmd.OutOrStdout(), letter)
			return nil
		},
	}
	c.Flags().StringVar(&path, "config", "", "worker configuration `file` (YAML), as for grapevine run")
	c.Flags().BoolVar(&raw, "raw", false, "the original's bytes alone, as they are")
	return c
}

// checkOrigin tells whether a text is TOPIC/PARTITION/OFFSET.
func checkOrigin(origin string) error {
	parts := strings.Split(origin, "/")
	ok := len(parts) == 3 && parts[0] != ""
	for _, number := range parts[1:] {
		_, err := strconv.ParseUint(number, 10, 63)
		ok = ok && err == nil
	}
	if !ok {
		return fmt.Errorf("%q is not TOPIC/PARTITION/OFFSET, such as referral.clicks/3/1042", origin)
	}
	return nil
}

// findDeadLetter reads the topic until it meets the letter of an origin. It may
// be there twice; both are equal.
func findDeadLetter(ctx context.Context, path, origin string) (letter *topicRecord, err error) {
	topic, closeTopic, err := openDeadLetters(path)
	if err != nil {
		return nil, err
	}
	defer closeTopic()
	ranges, err := topic.ranges(ctx)
	if err != nil {
		return nil, err
	}
	err = topic.read(ctx, ranges, false, func(r topicRecord) error {
		if r.origin() != origin {
			return nil
		}
		letter = &r
		return errEnough
	})
	if err != nil && !errors.Is(err, errEnough) {
		return nil, err
	}
	if letter == nil {
		return nil, fmt.Errorf("topic %s has no dead letter of %s: `grapevine dead-letters list` names those that it has", topic.topic, origin)
	}
	return letter, nil
}

// showDeadLetter prints a letter for people.
func showDeadLetter(out io.Writer, r *topicRecord) {
	line := func(name, value string) { fmt.Fprintf(out, "%-9s  %s\n", name, printable(value)) }
	line("origin", r.origin())
	line("reason", r.header(headerReason))
	for i, detail := range strings.Split(r.header(headerDetail), "; ") {
		line([]string{"detail", ""}[min(i, 1)], detail)
	}
	line("time", r.header(headerTime))
	line("key", string(r.Key))
	for _, h := range r.Headers {
		if !strings.HasPrefix(h.Key, "gv_") {
			line("header", h.Key+": "+string(h.Value))
		}
	}
	fmt.Fprintf(out, "value      %s bytes\n%s\n", formatCount(len(r.Value)), printableValue(r.Value))
}

// printableValue is an event's value, laid out when it is JSON.
func printableValue(value []byte) string {
	var laidOut bytes.Buffer
	if utf8.Valid(value) && json.Indent(&laidOut, value, "", "  ") == nil {
		return printableLines(laidOut.String())
	}
	return printable(string(value))
}

// isTerminal tells whether people read what is written there.
func isTerminal(out io.Writer) bool {
	file, ok := out.(*os.File)
	if !ok {
		return false
	}
	info, err := file.Stat()
	return err == nil && info.Mode()&os.ModeCharDevice != 0
}
