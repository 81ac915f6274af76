package main

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// Every guard that a mutant drops stands in the code where the table says: who moves
// or changes it looks at the model again.
func TestMutants_name_guards_that_are_there(t *testing.T) {
	for _, m := range mutants {
		code, err := os.ReadFile(filepath.Join("..", "..", m.file))
		if err != nil {
			t.Fatal(err)
		}
		if !strings.Contains(string(code), m.code) {
			t.Errorf("mutant %s: %s does not hold %q any more: see whether the model still is of the code", m.name, m.file, m.code)
		}
	}
}

func TestMutants_are_those_of_the_model(t *testing.T) {
	var want, got []string
	for _, found := range regexp.MustCompile(`MUTANT_([A-Z_]+)`).FindAllStringSubmatch(string(protocol), -1) {
		want = append(want, found[1])
	}
	for _, m := range mutants {
		got = append(got, m.define()[0][len("MUTANT_"):])
	}
	slices.Sort(want)
	slices.Sort(got)
	if want, got = slices.Compact(want), slices.Compact(got); !slices.Equal(got, want) {
		t.Errorf("mutants:\n%v\nthe model has:\n%v", got, want)
	}
}

// The page says of every mutant where its guard is and what refutes it, and tells of
// every configuration.
func TestPage_tells_of_all_configurations_and_mutants(t *testing.T) {
	page, err := os.ReadFile("README.md")
	if err != nil {
		t.Fatal(err)
	}
	for _, m := range mutants {
		refuted := "`" + m.refuted + "`"
		if m.refuted == "" {
			refuted = "holds"
		}
		row := fmt.Sprintf("| `%s` | %s | [`%s`](../../%s) | %s |", m.name, m.drops, m.file, m.file, refuted)
		if !strings.Contains(string(page), row) {
			t.Errorf("README.md has no row\n%s", row)
		}
		if m.refuted != "" && !strings.Contains(string(page), "| `"+m.refuted+"` |") {
			t.Errorf("README.md does not explain the property %s", m.refuted)
		}
	}
	for _, c := range configurations {
		if row := fmt.Sprintf("| `%s` | `%s` |", c.name, strings.Join(c.defines, " ")); !strings.Contains(string(page), row) {
			t.Errorf("README.md has no row\n%s", row)
		}
	}
}

func TestRead_takes_a_search_that_was_cut_off_for_a_failure(t *testing.T) {
	report := func(errors, more string) string {
		return "State-vector 184 byte, depth reached 226, errors: " + errors + "\n  2929371 states, stored\n  255.802\ttotal actual memory usage\n" + more
	}
	for _, test := range []struct {
		name, out       string
		refuted, failed bool
	}{
		{"all states", report("0", ""), false, false},
		{"a refutation", report("1", "Warning: Search not completed"), true, false},
		{"cut off by depth", report("0", "error: max search depth too small"), false, true},
		{"cut off by memory", report("0", "Warning: Search not completed"), false, true},
		{"no report", "pan: reached -DMEMLIM bound", false, true},
	} {
		t.Run(test.name, func(t *testing.T) {
			var r result
			refuted, err := r.read(test.out)
			if refuted != test.refuted || (err != nil) != test.failed {
				t.Errorf("refuted %v, error %v", refuted, err)
			}
			if err == nil && (r.states != 2929371 || r.depth != 226 || r.mebibytes != 255) {
				t.Errorf("read %+v", r)
			}
		})
	}
}
