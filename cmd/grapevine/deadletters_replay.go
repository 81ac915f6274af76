package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"hash/maphash"
	"io"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/grapevinehq/grapevine/consumers"
)

// codeTaken is the reason of a letter whose event was applied all the same (§9 (11)).
const codeTaken = "code_taken"

// replayFlags say which dead letters are replayed.
type replayFlags struct {
	letterFilter
	config      string
	all, dryRun bool
	limit       int
}

func newDeadLettersReplayCommand() *cobra.Command {
	var f replayFlags
	c := &cobra.Command{
		Use:   "replay [TOPIC/PARTITION/OFFSET...]",
		Short: "Send dead letters through the front door again",
		Long: `Write the original bytes, key and headers of dead letters back to the topic and
partition that they came from, with headers that say so: once the cause is mended
they are processed as if they came for the first time. What fails again is a dead
letter again.

Replaying is harmless: an event that was taken before, be it by a replay of long
ago, is known by the books and dropped as redelivered. Events of one key keep their
order. A code_taken is left where it is, for its event was applied: the code goes to
the member by itself when whoever holds it gives it up.

Name the events by where they stood, as dead-letters list does, or choose them by
filters, which hold together; --all is every dead letter.`,
		Example: `  grapevine dead-letters replay referral.clicks/3/1042
  grapevine dead-letters replay --reason unknown_program --org acme --program us-store --dry-run
  grapevine dead-letters replay --reason no_exchange_rate --since 7d
  grapevine dead-letters replay --topic referral.conversions --limit 10
  grapevine dead-letters replay --all`,
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := f.check(args); err != nil {
				return err
			}
			return f.replay(cmd.Context(), cmd.OutOrStdout(), cmd.ErrOrStderr())
		},
	}
	c.Flags().StringVar(&f.config, "config", "", "worker configuration `file` (YAML), as for grapevine run")
	f.flags(c)
	c.Flags().BoolVar(&f.all, "all", false, "every dead letter")
	c.Flags().BoolVar(&f.dryRun, "dry-run", false, "show what would be replayed, and write nothing")
	c.Flags().IntVar(&f.limit, "limit", 0, "how many at most; 0 is no limit")
	return c
}

func (f *replayFlags) check(args []string) error {
	for _, text := range args {
		at, err := parsePlace(text)
		if err != nil {
			return usageError{err}
		}
		f.places = append(f.places, at)
	}
	switch {
	case f.limit < 0:
		return usageError{fmt.Errorf("--limit must not be negative")}
	case f.all && f.narrows():
		return usageError{errors.New("--all is every dead letter: name events and filters without it")}
	case !f.all && !f.narrows():
		return usageError{errors.New("say which dead letters: by place, by filters, or --all")}
	}
	return f.read(time.Now())
}

// replay reads the topic up to where it ends now, so that what fails again is not
// replayed again, and sends what is meant.
func (f *replayFlags) replay(ctx context.Context, out, progress io.Writer) error {
	topic, err := openDeadLetters(f.config)
	if err != nil {
		return err
	}
	defer topic.close()
	ranges, err := topic.ranges(ctx)
	if err != nil {
		return err
	}
	r := &replay{
		replayFlags: f, names: topic.names, sender: &letterSender{client: topic.client}, seed: maphash.MakeSeed(),
		sent: map[string]int{}, left: map[string]int{}, met: map[metEvent]bool{}, shown: letterList{limit: mostShown},
		progress: progress, told: time.Now(),
	}
	err = topic.read(ctx, ranges, false, func(record topicRecord) error { return r.take(ctx, record) })
	if err == nil || errors.Is(err, errEnough) {
		err = r.sender.flush(ctx)
	}
	if err != nil {
		return fmt.Errorf("%w; replaying the same once more is harmless", err)
	}
	r.tell(out)
	if n := r.sender.tooLarge; n > 0 {
		return fmt.Errorf("%d dead letters are larger than their topic takes, with the headers of a replay: raise its max.message.bytes", n)
	}
	return nil
}

// mostShown bounds what --dry-run lists.
const mostShown = 50

// metEvent is an event that was met: one letter may be in the topic twice, and one that
// was replayed and refused again is there once more each time. The bytes are part of
// it, for headers can say anything.
type metEvent struct {
	origin place
	bytes  uint64
}

// replay is one pass over the topic.
type replay struct {
	*replayFlags
	names  consumers.Names
	sender *letterSender
	seed   maphash.Seed
	met    map[metEvent]bool
	sent   map[string]int // by topic
	left   map[string]int // by why
	shown  letterList

	progress io.Writer
	told     time.Time
}

func (r *replay) take(ctx context.Context, record topicRecord) error {
	l, ok := readLetter(record)
	if !ok || !r.match(&l, r.names) {
		return nil
	}
	id := metEvent{l.origin, maphash.Bytes(r.seed, l.Value) ^ maphash.Bytes(r.seed, l.Key)}
	if r.met[id] {
		return nil
	}
	r.met[id] = true
	if why := r.unfit(&l); why != "" {
		r.left[why]++
		return nil
	}
	r.sent[l.stood.topic]++
	if r.dryRun {
		r.shown.add(l.line())
	} else if err := r.sender.send(ctx, &l); err != nil {
		return err
	}
	if now := time.Now(); now.Sub(r.told) >= 5*time.Second {
		fmt.Fprintf(r.progress, "%s dead letters so far\n", formatCount(r.total()))
		r.told = now
	}
	if r.limit > 0 && r.total() >= r.limit {
		return errEnough
	}
	return nil
}

// unfit tells why a letter cannot be replayed, if it cannot.
func (r *replay) unfit(l *deadLetter) string {
	if l.reason == codeTaken {
		return "code_taken: the update was applied, without the code"
	}
	if contract, ours := r.names.Contract(l.stood.topic); !ours || !slices.Contains(consumers.Inputs(), contract) {
		return fmt.Sprintf("of topic %s, which these settings do not read", printable(l.stood.topic))
	}
	return ""
}

func (r *replay) total() (n int) {
	for _, of := range r.sent {
		n += of
	}
	return n
}

func (r *replay) tell(out io.Writer) {
	if r.dryRun && r.total() > 0 {
		r.shown.trim()
		r.shown.write(out)
	}
	verb := "Replayed"
	if r.dryRun {
		verb = "Would replay"
	}
	var topics []string
	for _, topic := range slices.SortedFunc(maps.Keys(r.sent), func(a, b string) int { return cmp.Or(r.sent[b]-r.sent[a], cmp.Compare(a, b)) }) {
		topics = append(topics, fmt.Sprintf("%s to %s", formatCount(r.sent[topic]), topic))
	}
	letters := "dead letters"
	if r.total() == 1 {
		letters = "dead letter"
	}
	fmt.Fprintf(out, "%s %s %s%s.\n", verb, formatCount(r.total()), letters, strings.TrimSuffix(": "+strings.Join(topics, ", "), ": "))
	for _, why := range slices.Sorted(maps.Keys(r.left)) {
		fmt.Fprintf(out, "Left %s: %s.\n", formatCount(r.left[why]), why)
	}
	if r.sent[r.names.Kafka(consumers.Members)] > 0 {
		fmt.Fprintln(out, "Updates of members were among them. Their topic is compacted and keeps the last record of a member, now the replayed one: if a newer update stood behind it, have it published once more.")
	}
}
