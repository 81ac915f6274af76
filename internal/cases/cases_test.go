package cases

import (
	"flag"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

var update = flag.Bool("update", false, "rewrite what the cases expect to what came; read the difference before you keep it")

const folder = "../../examples/cases"

func TestCases_come_to_what_they_expect(t *testing.T) {
	paths, err := filepath.Glob(folder + "/*.txtar")
	if err != nil || len(paths) == 0 {
		t.Fatalf("no cases in %s: %v", folder, err)
	}
	for _, path := range paths {
		t.Run(strings.TrimSuffix(filepath.Base(path), ".txtar"), func(t *testing.T) {
			t.Parallel()
			c, err := Read(path)
			if err != nil {
				t.Fatal(err)
			}
			for _, partitions := range []int{1, 3} {
				came, err := c.Play(t.Context(), t.TempDir(), partitions)
				if err != nil {
					t.Fatalf("%s, on %d partitions: %v", c.Title, partitions, err)
				}
				if *update {
					if err := c.Rewrite(path, came); err != nil {
						t.Fatal(err)
					}
					return
				}
				if told := c.differences(came); told != "" {
					t.Fatalf("%s, on %d partitions:\n%s", c.Title, partitions, told)
				}
			}
		})
	}
}

// differences tells, section by section, what was expected and did not come (-),
// and what came and was not expected (+). Dead letters and refusals are never
// passed over in silence.
func (c *Case) differences(came map[string][]string) string {
	var b strings.Builder
	for _, kind := range kinds {
		want, stands := c.Expected[kind]
		if !stands && kind != "dead letters" && kind != "refused" {
			continue
		}
		if slices.Equal(want, came[kind]) {
			continue
		}
		fmt.Fprintf(&b, "-- %s --\n", kind)
		for _, d := range diff(want, came[kind]) {
			fmt.Fprintln(&b, d)
		}
	}
	return b.String()
}

// diff is the shortest way from one list of lines to another.
func diff(a, b []string) (told []string) {
	longest := make([][]int, len(a)+1) // common lines from here to the end
	for i := range longest {
		longest[i] = make([]int, len(b)+1)
	}
	for i := len(a) - 1; i >= 0; i-- {
		for j := len(b) - 1; j >= 0; j-- {
			if a[i] == b[j] {
				longest[i][j] = longest[i+1][j+1] + 1
			} else {
				longest[i][j] = max(longest[i+1][j], longest[i][j+1])
			}
		}
	}
	for i, j := 0, 0; i < len(a) || j < len(b); {
		switch {
		case i < len(a) && j < len(b) && a[i] == b[j]:
			told = append(told, "  "+a[i])
			i, j = i+1, j+1
		case j == len(b) || i < len(a) && longest[i+1][j] >= longest[i][j+1]:
			told = append(told, "- "+a[i])
			i++
		default:
			told = append(told, "+ "+b[j])
			j++
		}
	}
	return told
}

func TestDifferences_are_told(t *testing.T) {
	c := Case{Expected: map[string][]string{"credits": {"a", "b", "c"}}}
	told := c.differences(map[string][]string{"credits": {"a", "c", "d"}, "rewards": {"x"}, "dead letters": {"y"}})
	if want := "-- credits --\n  a\n- b\n  c\n+ d\n-- dead letters --\n+ y\n"; told != want {
		t.Errorf("told %q, want %q", told, want)
	}
}

func TestLines_that_nobody_understands_are_refused(t *testing.T) {
	for _, text := range []string{"clack visitor=v", "sale customer=c 12.345 EUR", "sale customer=c 12 EURO", "click visitor=v colour=red", `click agent="x`, "decide it"} {
		c := Case{Programs: map[string][]byte{wholeFile: around([]byte("rules: []\n"))}, Events: []string{text}}
		if _, err := c.Play(t.Context(), t.TempDir(), 1); err == nil {
			t.Errorf("%q was played", text)
		}
	}
}
