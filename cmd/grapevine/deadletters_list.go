package main

import (
	"cmp"
	"context"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"
)

// deadLettersFlags say which dead letters are listed.
type deadLettersFlags struct {
	config, reason, topic, since string
	limit                        int
}

func newDeadLettersListCommand() *cobra.Command {
	var f deadLettersFlags
	c := &cobra.Command{
		Use:   "list",
		Short: "List the newest dead letters",
		Long: `List the newest dead letters, the oldest of them first. The origin is where the
event stood in Kafka: dead-letters show takes it.`,
		Example: `  grapevine dead-letters list
  grapevine dead-letters list --reason unknown_program --since 2h
  grapevine dead-letters list --topic referral.conversions --limit 500`,
		Args: usageArgs(cobra.NoArgs),
		RunE: func(cmd *cobra.Command, _ []string) error {
			return f.list(cmd.Context(), cmd.OutOrStdout(), time.Now())
		},
	}
	c.Flags().StringVar(&f.config, "config", "", "worker configuration `file` (YAML), as for grapevine run")
	c.Flags().StringVar(&f.reason, "reason", "", "this reason alone, such as invalid or unknown_program")
	c.Flags().StringVar(&f.topic, "topic", "", "events of this topic alone")
	c.Flags().StringVar(&f.since, "since", "", "not older than a duration (2h) or a time (RFC 3339)")
	c.Flags().IntVar(&f.limit, "limit", 50, "how many, the newest")
	return c
}

// deadLetter is one line of the list.
type deadLetter struct {
	when                   time.Time
	reason, detail, origin string
	key                    string
}

func (f *deadLettersFlags) list(ctx context.Context, out io.Writer, now time.Time) error {
	since, err := f.oldest(now)
	if err != nil {
		return err
	}
	topic, closeTopic, err := openDeadLetters(f.config)
	if err != nil {
		return err
	}
	defer closeTopic()
	ranges, err := topic.ranges(ctx)
	if err != nil {
		return err
	}
	var letters []deadLetter
	matched := 0
	err = topic.read(ctx, ranges, false, func(r topicRecord) error {
		letter, ok := f.match(&r, since)
		if !ok {
			return nil
		}
		matched++
		if letters = append(letters, letter); len(letters) >= 2*f.limit+1000 {
			letters = newest(letters, f.limit)
		}
		return nil
	})
	if err != nil {
		return err
	}
	writeDeadLetters(out, newest(letters, f.limit), matched)
	return nil
}

// oldest reads --since.
func (f *deadLettersFlags) oldest(now time.Time) (time.Time, error) {
	if f.limit < 1 {
		return time.Time{}, usageError{fmt.Errorf("--limit must be 1 at least")}
	}
	if f.since == "" {
		return time.Time{}, nil
	}
	if d, err := time.ParseDuration(f.since); err == nil {
		return now.Add(-d), nil
	}
	at, err := time.Parse(time.RFC3339, f.since)
	if err != nil {
		return at, usageError{fmt.Errorf("--since %q is neither a duration, such as 2h, nor a time, such as 2026-11-23T08:00:00Z", f.since)}
	}
	return at, nil
}

func (f *deadLettersFlags) match(r *topicRecord, since time.Time) (deadLetter, bool) {
	l := deadLetter{when: r.Time, reason: r.header(headerReason), detail: r.header(headerDetail), origin: r.origin(), key: string(r.Key)}
	if at, err := time.Parse(time.RFC3339Nano, r.header(headerTime)); err == nil {
		l.when = at
	}
	ok := (f.reason == "" || f.reason == l.reason) && (f.topic == "" || f.topic == r.header(headerTopic)) && !l.when.Before(since)
	return l, ok
}

// newest keeps the last of the letters by time.
func newest(letters []deadLetter, limit int) []deadLetter {
	slices.SortStableFunc(letters, func(a, b deadLetter) int {
		return cmp.Or(a.when.Compare(b.when), cmp.Compare(a.origin, b.origin))
	})
	return letters[max(len(letters)-limit, 0):]
}

func writeDeadLetters(out io.Writer, letters []deadLetter, matched int) {
	if matched == 0 {
		fmt.Fprintln(out, "There are no such dead letters.")
		return
	}
	t := newTable(out, "time", "reason", "origin", "key", "detail")
	for _, l := range letters {
		t.AppendRow([]any{
			l.when.UTC().Format("2006-01-02 15:04:05"), printable(l.reason), printable(l.origin), shortened(printable(l.key), 40), shortened(printable(l.detail), 100),
		})
	}
	t.Render()
	if matched > len(letters) {
		fmt.Fprintf(out, "The newest %d of %d.\n", len(letters), matched)
	}
}

// shortened cuts a text that is longer than so many characters.
func shortened(s string, most int) string {
	runes := []rune(s)
	if len(runes) <= most {
		return s
	}
	return strings.TrimRight(string(runes[:most-1]), " ") + "…"
}
