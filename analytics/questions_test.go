package analytics

import (
	"flag"
	"fmt"
	"os"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/grapevinehq/grapevine/internal/golden"
	"github.com/grapevinehq/grapevine/internal/recount"
	"github.com/grapevinehq/grapevine/pipeline/offline"
)

const questionsPage = "../docs/questions.md"

// workedBooks are the books of the worked case, as the stages write them.
func workedBooks(t *testing.T) *Books {
	t.Helper()
	catalog, _ := workedCase(t)
	events, err := golden.Events()
	if err != nil {
		t.Fatal(err)
	}
	r := offline.NewRun(offline.RunOptions{Options: offline.Options{Catalog: catalog}, Now: golden.WrittenAt})
	for i := range events {
		r.Produce(events[i].Topic, events[i].Record)
		if i+1 < len(events) && events[i+1].Wave == events[i].Wave {
			continue
		}
		if err := r.Drain(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	if err := r.Tick(t.Context(), golden.WrittenAt+1); err != nil {
		t.Fatal(err)
	}
	b := opened(t)
	if err := b.TakeUp(t.Context(), catalog); err != nil {
		t.Fatal(err)
	}
	var number uint64
	for _, table := range []string{
		"clicks", "conversions", "adjustments", "attributions", "identity_links", "members", "credits", "rewards", "fulfillments", "segment_events",
	} {
		for _, block := range r.Blocks(table) {
			number++
			write(t, b, batch(number, 0, 1), block.Block)
		}
	}
	return b
}

// Every query of the page is asked of the worked case, and answers what the page says.
// With -update the page is given the answers.
func TestQuestions_have_the_answers_that_the_page_says(t *testing.T) {
	b := workedBooks(t)
	t.Run("views", func(t *testing.T) { recounted(t, b) })
	books, err := golden.Books()
	if err != nil {
		t.Fatal(err)
	}
	for _, view := range []string{"program_totals", "referrer_totals"} { // how many rewards brackets make is not promised
		want := without(books[view], func(r golden.Row) bool { return r["program_id"] == "partners" }, "rewards_earned")
		compare(t, want, rowsOf(t, b, "SELECT * FROM "+view), recount.Keys[view]...)
	}
	text, err := os.ReadFile(questionsPage)
	if err != nil {
		t.Fatal(err)
	}
	questions := question.FindAllStringSubmatch(string(text), -1)
	if len(questions) < 20 {
		t.Fatalf("%d questions", len(questions))
	}
	page := question.ReplaceAllStringFunc(string(text), func(all string) string {
		q := question.FindStringSubmatch(all)
		got := answer(t, b, q[2])
		if got == "" {
			t.Errorf("%s: no answer", q[1])
		}
		if got != q[3] && !updating() {
			t.Errorf("%s: the answer is\n%s\nthe page says\n%s", q[1], got, q[3])
		}
		return strings.Replace(all, "```text\n"+q[3]+"```", "```text\n"+got+"```", 1)
	})
	if updating() {
		if err := os.WriteFile(questionsPage, []byte(page), 0o644); err != nil { //nolint:gosec // a page of the docs
			t.Fatal(err)
		}
	}
}

// updating is the flag of generated files.
func updating() bool { return flag.Lookup("update").Value.String() == "true" }

// question is a heading, a query and its answer.
var question = regexp.MustCompile("(?s)(## \\d+\\. [^\n]*)\n[^#]*?```sql\n(.*?)```\n\n```text\n(.*?)```")

// answer prints rows in columns, numbers to the right.
func answer(t *testing.T, b *Books, query string) string {
	t.Helper()
	var table [][]string
	var right []bool
	each(t, b, strings.TrimRight(strings.TrimSpace(query), ";"), nil, func(columns []string, row []any) {
		if table == nil {
			table, right = append(table, slices.Clone(columns)), make([]bool, len(columns))
		}
		words := make([]string, len(row))
		for i, v := range row {
			words[i], right[i] = printed(v), right[i] || isNumber(v)
		}
		table = append(table, words)
	})
	widths := make([]int, len(right))
	for _, row := range table {
		for i, word := range row {
			widths[i] = max(widths[i], utf8.RuneCountInString(word))
		}
	}
	var out strings.Builder
	for _, row := range table {
		var line strings.Builder
		for i, word := range row {
			gap := strings.Repeat(" ", widths[i]-utf8.RuneCountInString(word))
			if right[i] {
				word = gap + word
			} else {
				word += gap
			}
			line.WriteString(word + "  ")
		}
		out.WriteString(strings.TrimRight(line.String(), " ") + "\n")
	}
	return out.String()
}

func printed(v any) string {
	switch v := v.(type) {
	case nil:
		return "-"
	case time.Time:
		return v.Format(time.DateOnly)
	case float64:
		return fmt.Sprintf("%.4g", v)
	}
	return fmt.Sprint(v)
}

func isNumber(v any) bool {
	switch reflect.ValueOf(v).Kind() {
	case reflect.Int8, reflect.Int16, reflect.Int32, reflect.Int64, reflect.Uint8, reflect.Uint16, reflect.Uint32, reflect.Uint64, reflect.Float64:
		return true
	}
	return false
}
