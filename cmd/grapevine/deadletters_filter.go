package main

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/grapevinehq/grapevine/consumers"
)

// letterFilter says which dead letters are meant. What is empty is not asked for.
type letterFilter struct {
	reasons, ids            []string
	topic, org, program     string
	partition               int
	offsetText              string
	sinceText, untilText    string
	firstOffset, lastOffset int64
	since, until            time.Time
	places                  []place // where the events stood; nil for anywhere
}

const anyPartition = -1

func (f *letterFilter) flags(c *cobra.Command) {
	c.Flags().StringSliceVar(&f.reasons, "reason", nil, "these reasons alone, such as invalid,unknown_program")
	c.Flags().StringVar(&f.topic, "topic", "", "events of this topic alone, such as referral.clicks")
	c.Flags().IntVar(&f.partition, "partition", anyPartition, "events of this partition alone")
	c.Flags().StringVar(&f.offsetText, "offsets", "", "events that stood at these offsets, such as 1042 or 1000-1999")
	c.Flags().StringVar(&f.org, "org", "", "events of this org alone")
	c.Flags().StringVar(&f.program, "program", "", "events of this program alone")
	c.Flags().StringSliceVar(&f.ids, "id", nil, "events with these ids alone")
	c.Flags().StringVar(&f.sinceText, "since", "", "refused not longer ago than a duration (2h, 7d), or not before a time (RFC 3339)")
	c.Flags().StringVar(&f.untilText, "until", "", "refused before that, likewise")
}

// read reads what the flags say.
func (f *letterFilter) read(now time.Time) (err error) {
	if f.since, err = readMoment("since", f.sinceText, now); err != nil {
		return err
	}
	if f.until, err = readMoment("until", f.untilText, now); err != nil {
		return err
	}
	if f.partition < anyPartition {
		return usageError{fmt.Errorf("--partition %d is no partition", f.partition)}
	}
	f.firstOffset, f.lastOffset = 0, 1<<63-1
	if f.offsetText == "" {
		return nil
	}
	first, last, isRange := strings.Cut(f.offsetText, "-")
	if !isRange {
		last = first
	}
	f.firstOffset, err = strconv.ParseInt(first, 10, 64)
	if err == nil {
		f.lastOffset, err = strconv.ParseInt(last, 10, 64)
	}
	if err != nil || f.firstOffset > f.lastOffset {
		return usageError{fmt.Errorf("--offsets %q is neither an offset, such as 1042, nor a range of them, such as 1000-1999", f.offsetText)}
	}
	return nil
}

// readMoment reads a time, or how long ago it was.
func readMoment(flag, text string, now time.Time) (time.Time, error) {
	if text == "" {
		return time.Time{}, nil
	}
	if days, isDays := strings.CutSuffix(text, "d"); isDays {
		if n, err := strconv.ParseUint(days, 10, 16); err == nil {
			return now.AddDate(0, 0, -int(n)), nil
		}
	}
	if d, err := time.ParseDuration(text); err == nil {
		return now.Add(-d), nil
	}
	at, err := time.Parse(time.RFC3339, text)
	if err != nil {
		return at, usageError{fmt.Errorf("--%s %q is neither a duration, such as 2h or 7d, nor a time, such as 2026-11-23T08:00:00Z", flag, text)}
	}
	return at, nil
}

// narrows tells whether the filter asks for anything.
func (f *letterFilter) narrows() bool {
	return len(f.reasons)+len(f.ids)+len(f.places) > 0 || f.topic+f.org+f.program+f.offsetText+f.sinceText+f.untilText != "" || f.partition != anyPartition
}

// match tells whether a letter is meant. A topic may be named as in Kafka or as in
// the contract.
func (f *letterFilter) match(l *deadLetter, names consumers.Names) bool {
	return (len(f.reasons) == 0 || slices.Contains(f.reasons, l.reason)) &&
		(len(f.ids) == 0 || slices.Contains(f.ids, l.id)) &&
		(f.topic == "" || f.topic == l.stood.topic || names.Kafka(f.topic) == l.stood.topic) &&
		(f.org == "" || f.org == l.org) && (f.program == "" || f.program == l.program) &&
		(f.partition == anyPartition || f.partition == l.stood.partition) &&
		f.firstOffset <= l.stood.offset && l.stood.offset <= f.lastOffset &&
		!l.when.Before(f.since) && (f.until.IsZero() || l.when.Before(f.until)) &&
		(f.places == nil || slices.Contains(f.places, l.stood))
}
