package main

import (
	"fmt"
	"io"
	"strconv"
	"strings"

	"github.com/jedib0t/go-pretty/v6/table"
)

// writeStatus tells a status to people.
func writeStatus(out io.Writer, s *status) {
	fmt.Fprintf(out, "%s\n\n", s.Time.Format("2006-01-02 15:04:05 UTC"))
	writeHealth(out, s)
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
