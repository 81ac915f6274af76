package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
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
			at, err := parsePlace(args[0])
			if err != nil {
				return usageError{err}
			}
			if raw && isTerminal(cmd.OutOrStdout()) {
				return usageError{errors.New("--raw is for a file or a pipe: a terminal might obey what the event says")}
			}
			letter, err := findDeadLetter(cmd.Context(), path, at)
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

// findDeadLetter reads the topic until it meets the letter of an event that stood
// there. It may be there twice; both are equal.
func findDeadLetter(ctx context.Context, path string, at place) (letter *deadLetter, err error) {
	topic, err := openDeadLetters(path)
	if err != nil {
		return nil, err
	}
	defer topic.close()
	ranges, err := topic.ranges(ctx)
	if err != nil {
		return nil, err
	}
	err = topic.read(ctx, ranges, false, func(r topicRecord) error {
		l, ok := readLetter(r)
		if !ok || l.stood != at {
			return nil
		}
		letter = &l
		return errEnough
	})
	if err != nil && !errors.Is(err, errEnough) {
		return nil, err
	}
	if letter == nil {
		return nil, fmt.Errorf("topic %s has no dead letter of %s: `grapevine dead-letters list` names those that it has", topic.topic, at)
	}
	return letter, nil
}

// showDeadLetter prints a letter for people.
func showDeadLetter(out io.Writer, l *deadLetter) {
	line := func(name, value string) { fmt.Fprintf(out, "%-9s  %s\n", name, printable(value)) }
	line("origin", l.stood.String())
	if l.origin != l.stood { // it was replayed, and refused again
		line("first at", l.origin.String())
	}
	line("reason", l.reason)
	for i, detail := range strings.Split(l.detail, "; ") {
		line([]string{"detail", ""}[min(i, 1)], detail)
	}
	line("time", l.header(headerTime))
	line("key", string(l.Key))
	for _, h := range l.originalHeaders() {
		line("header", h.Key+": "+string(h.Value))
	}
	fmt.Fprintf(out, "value      %s bytes\n%s\n", formatCount(len(l.Value)), printableValue(l.Value))
}

// layoutDepth is how deep JSON may be that is laid out: every line of it is as many
// times indented, and a letter of 20 kB can be made to take 100 MB so.
const layoutDepth = 32

// printableValue is an event's value, laid out when it is JSON.
func printableValue(value []byte) string {
	var laidOut bytes.Buffer
	if utf8.Valid(value) && depth(value) <= layoutDepth && json.Indent(&laidOut, value, "", "  ") == nil {
		return printableLines(laidOut.String())
	}
	return printable(string(value))
}

// depth is how deep lists and maps of JSON lie in one another.
func depth(value []byte) (deepest int) {
	tokens := json.NewDecoder(bytes.NewReader(value))
	for at := 0; ; deepest = max(deepest, at) {
		token, err := tokens.Token()
		if err != nil {
			return deepest
		}
		switch token {
		case json.Delim('['), json.Delim('{'):
			at++
		case json.Delim(']'), json.Delim('}'):
			at--
		}
	}
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
