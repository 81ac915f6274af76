package main

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"
)

// deadLettersFlags say which dead letters are listed, and how.
type deadLettersFlags struct {
	letterFilter
	config, format string
	limit          int
}

func newDeadLettersListCommand() *cobra.Command {
	var f deadLettersFlags
	c := &cobra.Command{
		Use:   "list",
		Short: "List the newest dead letters",
		Long: `List the newest dead letters, the oldest of them first. The origin is where the
event stood in Kafka: dead-letters show takes it. Filters hold together: what is
listed meets all of them.`,
		Example: `  grapevine dead-letters list
  grapevine dead-letters list --reason unknown_program,invalid --since 2h
  grapevine dead-letters list --topic referral.conversions --org acme --limit 500
  grapevine dead-letters list --topic referral.clicks --partition 3 --offsets 1000-1999
  grapevine dead-letters list --format json | jq '.dead_letters[].event_id'`,
		Args: usageArgs(cobra.NoArgs),
		RunE: func(cmd *cobra.Command, _ []string) error {
			if f.limit < 1 {
				return usageError{fmt.Errorf("--limit must be 1 at least")}
			}
			if err := checkFormat(f.format, "table", "json"); err != nil {
				return err
			}
			if err := f.read(time.Now()); err != nil {
				return err
			}
			return f.list(cmd.Context(), cmd.OutOrStdout())
		},
	}
	c.Flags().StringVar(&f.config, "config", "", "worker configuration `file` (YAML), as for grapevine run")
	f.flags(c)
	c.Flags().IntVar(&f.limit, "limit", 50, "how many, the newest")
	c.Flags().StringVar(&f.format, "format", "table", "table or json")
	return c
}

// letterLine is one line of the list.
type letterLine struct {
	Time      time.Time `json:"time"`
	Reason    string    `json:"reason"`
	Detail    string    `json:"detail"`
	Origin    string    `json:"origin"`                 // where the event stood
	First     string    `json:"first_origin,omitempty"` // of one that was replayed: where it stood at first
	Key       string    `json:"key"`
	OrgID     string    `json:"org_id,omitempty"`
	ProgramID string    `json:"program_id,omitempty"`
	EventID   string    `json:"event_id,omitempty"`
}

func (l *deadLetter) line() letterLine {
	line := letterLine{
		Time: l.when.UTC(), Reason: l.reason, Detail: l.detail, Origin: l.stood.String(), Key: string(l.Key),
		OrgID: l.org, ProgramID: l.program, EventID: l.id,
	}
	if l.origin != l.stood {
		line.First = l.origin.String()
	}
	return line
}

// letterList are the newest of those that match.
type letterList struct {
	DeadLetters []letterLine `json:"dead_letters"`
	Matched     int          `json:"matched"`
	limit       int
}

func (s *letterList) add(l letterLine) {
	s.Matched++
	if s.DeadLetters = append(s.DeadLetters, l); len(s.DeadLetters) >= 2*s.limit+1000 {
		s.trim()
	}
}

// trim keeps the last of the letters by time.
func (s *letterList) trim() {
	slices.SortStableFunc(s.DeadLetters, func(a, b letterLine) int {
		return cmp.Or(a.Time.Compare(b.Time), cmp.Compare(a.Origin, b.Origin))
	})
	s.DeadLetters = s.DeadLetters[max(len(s.DeadLetters)-s.limit, 0):]
}

func (f *deadLettersFlags) list(ctx context.Context, out io.Writer) error {
	topic, err := openDeadLetters(f.config)
	if err != nil {
		return err
	}
	defer topic.close()
	ranges, err := topic.ranges(ctx)
	if err != nil {
		return err
	}
	found := letterList{DeadLetters: []letterLine{}, limit: f.limit}
	err = topic.read(ctx, ranges, false, func(r topicRecord) error {
		if l, ok := readLetter(r); ok && f.match(&l, topic.names) {
			found.add(l.line())
		}
		return nil
	})
	if err != nil {
		return err
	}
	found.trim()
	if f.format == "json" {
		return json.NewEncoder(out).Encode(found)
	}
	found.write(out)
	return nil
}

func (s *letterList) write(out io.Writer) {
	if s.Matched == 0 {
		fmt.Fprintln(out, "There are no such dead letters.")
		return
	}
	t := newTable(out, "time", "reason", "origin", "key", "detail")
	for _, l := range s.DeadLetters {
		t.AppendRow([]any{
			l.Time.Format("2006-01-02 15:04:05"), printable(l.Reason), printable(l.Origin), shortened(printable(l.Key), 40), shortened(printable(l.Detail), 100),
		})
	}
	t.Render()
	if s.Matched > len(s.DeadLetters) {
		fmt.Fprintf(out, "The newest %d of %d.\n", len(s.DeadLetters), s.Matched)
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
