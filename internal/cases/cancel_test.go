package cases

import (
	"fmt"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

// A conversion and its cancel leave nothing behind: neither let through nor held,
// whatever else the history did to it, with limits and budgets and without.
func TestCancelled_conversions_leave_nothing_behind(t *testing.T) {
	free, bounded := catalogOf(t, orderPrograms), catalogOf(t, bounding.Replace(boundPrograms))
	rapid.Check(t, func(rt *rapid.T) {
		catalog := free
		if rapid.Bool().Draw(rt, "bounded") {
			catalog = bounded
		}
		run := newRun(catalog, rapid.IntRange(1, 3).Draw(rt, "partitions"), 7, false)
		r := &retelling{T: rt, history: drawHistory(rt), run: run, homes: map[string]int{}}
		r.tell(func([]int) int { return 0 })
		r.history = append(r.history, cancels(run)...)
		write := writer{counts: map[string]int{}, customers: map[string]string{}}
		for i := range r.history {
			if r.history[i].word == "cancel" {
				r.write(&write, i)
			}
		}
		r.rest(0)
		for _, row := range grossOf(rt, run) {
			rt.Errorf("%s: %v is left", row["key"], row["net"])
		}
		if rt.Failed() {
			for _, l := range r.history {
				rt.Log(l.text)
			}
		}
	})
}

// cancels cancel every conversion that counts.
func cancels(run *shuffled) (lines []happening) {
	for i, row := range run.Rows("conversions") {
		if strings.HasSuffix(row["verdict"].(string), "attributed") {
			lines = append(lines, happening{word: "cancel", text: fmt.Sprintf("2026-03-20 cancel org=%s program=%s of=%s customer=%s id=end%d",
				row["org_id"], row["program_id"], row["conversion_id"], row["customer_id"], i)})
		}
	}
	return lines
}
