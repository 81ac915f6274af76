package main

import (
	"fmt"
	"io"
	"strconv"
	"strings"
	"time"

	"github.com/jedib0t/go-pretty/v6/table"
)

// writeStatus tells a status to people.
func writeStatus(out io.Writer, s *status) {
	fmt.Fprintf(out, "%s\n\n", s.Time.Format("2006-01-02 15:04:05 UTC"))
	writeHealth(out, s)
	writeWorkers(out, s.Workers)
	if len(s.Kafka.Topics) > 0 {
		fmt.Fprintf(out, "\nConsumer group %s, behind by %s\n", printable(s.Kafka.Group), formatCount(s.Kafka.Lag))
		writeTopics(out, s.Kafka.Topics)
	}
	if s.ClickHouse.Error == "" && s.ClickHouse.Lacks == "" {
		fmt.Fprintf(out, "\nClicks stored   %s\nDead letters    %s\n", formatWords(s.ClickHouse.Clicks), formatWords(s.ClickHouse.DeadLetters))
	}
}

func writeHealth(out io.Writer, s *status) {
	for _, e := range []struct {
		name string
		engineStatus
	}{{"Kafka", s.Kafka.engineStatus}, {"Redis", s.Redis}, {"ClickHouse", s.ClickHouse.engineStatus}} {
		says := "answers"
		switch {
		case e.Error != "":
			says = "UNREACHABLE: " + printable(e.Error)
		case e.Lacks != "":
			says += ", " + printable(e.Lacks)
		}
		fmt.Fprintf(out, "%-11s %-24s %s\n", e.name, printable(e.Addr), says)
	}
	fmt.Fprintf(out, "%-11s %-24s %s\n", "Worker", strings.TrimSuffix(strings.TrimPrefix(printable(s.Worker.URL), "http://"), "/readyz"), printable(s.Worker.Says))
}

// shownProblems is how many problems of refused programs are told.
const shownProblems = 5

// writeWorkers tells which programs each worker decides by, and why not by those
// that lie on its disk.
func writeWorkers(out io.Writer, workers []announced) {
	if len(workers) == 0 {
		return
	}
	fmt.Fprintln(out)
	t := newTable(out, "worker", "programs", "revision", "decides since", "files")
	revisions := map[string]bool{}
	for _, w := range workers {
		revisions[w.Revision] = true
		files := "taken"
		if w.Refused != nil {
			files = "REFUSED since " + clockTime(w.Refused.Since)
		}
		t.AppendRow(table.Row{printable(w.Name), printable(w.Programs), printable(fmt.Sprintf("%.12s", w.Revision)), clockTime(w.Taken), files})
	}
	t.Render()
	if len(revisions) > 1 {
		fmt.Fprintln(out, "The workers decide by different revisions: within reload_interval of a change that is so for a moment.")
	}
	for _, w := range workers {
		if w.Refused != nil {
			writeRefused(out, w)
		}
	}
}

func writeRefused(out io.Writer, w announced) {
	fmt.Fprintf(out, "\n%s refuses its programs and goes on with revision %.12s; problems: %d\n", printable(w.Name), printable(w.Revision), w.Refused.Problems)
	told := w.Refused.First[:min(len(w.Refused.First), shownProblems)]
	for _, problem := range told {
		fmt.Fprintf(out, "  %s\n", printable(problem))
	}
	if more := w.Refused.Problems - len(told); more > 0 {
		fmt.Fprintf(out, "  and %d more: grapevine check --programs %s\n", more, printable(w.Programs))
	}
}

func clockTime(t time.Time) string { return t.UTC().Format("2006-01-02 15:04:05") }

func writeTopics(out io.Writer, topics []topicStatus) {
	t := newTable(out, "topic", ">written", ">lag", ">in/s", ">done/s", "lag by partition")
	for _, topic := range topics {
		t.AppendRow(table.Row{
			printable(topic.Topic), formatCount(topic.Written), formatCount(topic.Lag),
			formatCount(int64(topic.WrittenPS)), formatCount(int64(topic.ConsumedPS)), formatPartitions(topic.Partitions),
		})
	}
	t.Render()
}

// shownPartitions is how many partitions' lags stand in a line.
const shownPartitions = 16

// formatPartitions lists the lags; of many partitions, the largest alone.
func formatPartitions(partitions []partitionStatus) string {
	if len(partitions) > shownPartitions {
		worst := partitions[0]
		for _, p := range partitions {
			if p.Lag > worst.Lag {
				worst = p
			}
		}
		return fmt.Sprintf("at most %d (partition %d of %d)", worst.Lag, worst.Partition, len(partitions))
	}
	lags := make([]string, len(partitions))
	for i, p := range partitions {
		lags[i] = strconv.FormatInt(p.Lag, 10)
	}
	return strings.Join(lags, " ")
}

func formatWords(counts []wordCount) string {
	if len(counts) == 0 {
		return "none"
	}
	words := make([]string, len(counts))
	for i, c := range counts {
		words[i] = printable(c.Word) + " " + formatCount(c.Count)
	}
	return strings.Join(words, ", ")
}
