package main

import (
	"encoding/json"
	"fmt"
	"io"
	"strings"

	"github.com/grapevinehq/grapevine/analytics"
	"github.com/grapevinehq/grapevine/internal/verify"
)

func (f *verifyFlags) write(out io.Writer, r *verify.Report) error {
	if f.format == "json" {
		return writeVerifyJSON(out, r)
	}
	for _, d := range r.Differences {
		fmt.Fprintf(out, "%s: %s\n", printable(d.Check), countOf(d.Total, "difference"))
		for i := range d.Found {
			fmt.Fprintf(out, "  %s\n", printable(lineOfFinding(&d.Found[i])))
		}
		if more := d.Total - min(d.Total, uint64(len(d.Found))); more > 0 {
			fmt.Fprintf(out, "  and %s more\n", formatCount(more))
		}
	}
	for _, s := range r.Skipped {
		fmt.Fprintf(out, "%s was not compared: %s\n", printable(s.Check), printable(s.Why))
	}
	fmt.Fprintf(out, "%s of %s batches in %d partitions: %s, in %.1f s.\n",
		countOf(uint64(len(r.Checks)), "comparison"), formatCount(r.Batches), r.Partitions, countOf(r.Total(), "difference"), r.Seconds)
	return nil
}

// countOf is a number with its noun.
func countOf(n uint64, noun string) string {
	switch n {
	case 0:
		return "no " + noun + "s"
	case 1:
		return "1 " + noun
	}
	return formatCount(n) + " " + noun + "s"
}

// lineOfFinding is program and day, what it is about, where it came from, and what
// is wrong.
func lineOfFinding(f *analytics.Finding) string {
	var words []string
	if of := strings.Trim(f.OrgID+"/"+f.ProgramID, "/"); of != "" {
		words = append(words, of)
	}
	if f.Day != "" {
		words = append(words, f.Day)
	}
	if f.ID != "" {
		words = append(words, f.ID)
	}
	if f.Source != "" {
		words = append(words, "("+f.Source+")")
	}
	if f.Position != "" {
		words = append(words, "at "+f.Position)
	}
	return strings.Join(words, " ") + ": " + f.Text
}

// findingLine is a finding in JSON.
type findingLine struct {
	OrgID     string `json:"org_id"`
	ProgramID string `json:"program_id"`
	Day       string `json:"day"`
	ID        string `json:"id"`
	Source    string `json:"source"`
	Position  string `json:"position"`
	Text      string `json:"text"`
}

// differenceLine is what one check found.
type differenceLine struct {
	Check string        `json:"check"`
	Total uint64        `json:"total"`
	Found []findingLine `json:"found"`
}

func writeVerifyJSON(out io.Writer, r *verify.Report) error {
	document := struct {
		*verify.Report
		Total       uint64           `json:"total"`
		Differences []differenceLine `json:"differences"`
	}{r, r.Total(), []differenceLine{}}
	for _, d := range r.Differences {
		line := differenceLine{Check: d.Check, Total: d.Total, Found: []findingLine{}}
		for _, one := range d.Found {
			line.Found = append(line.Found, findingLine(one))
		}
		document.Differences = append(document.Differences, line)
	}
	encoder := json.NewEncoder(out)
	encoder.SetIndent("", "  ")
	return encoder.Encode(document)
}
