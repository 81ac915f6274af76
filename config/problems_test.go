package config

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/grapevinehq/grapevine/pipeline/program"
)

// announcement is a comment of a bad file: a problem that the schema sees as
// well, one that only the compiler does, or a warning.
var announcement = regexp.MustCompile(` # (problem|compiler|warning): `)

// expected are the comments of some kinds, by line.
func expected(t *testing.T, path string, kinds ...string) map[int][]string {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	out := map[int][]string{}
	for i, line := range strings.Split(string(text), "\n") {
		marks := announcement.FindAllStringSubmatchIndex(line, -1)
		for m, at := range marks {
			end := len(line)
			if m+1 < len(marks) {
				end = marks[m+1][0]
			}
			if slices.Contains(kinds, line[at[2]:at[3]]) {
				out[i+1] = append(out[i+1], strings.TrimSpace(line[at[1]:end]))
			}
		}
	}
	return out
}

func TestLoadPrograms_names_every_problem_at_its_line(t *testing.T) {
	paths, err := filepath.Glob("testdata/bad/*.yaml")
	if err != nil || len(paths) == 0 {
		t.Fatal(paths, err)
	}
	for _, path := range paths {
		t.Run(filepath.Base(path), func(t *testing.T) {
			want := expected(t, path, "problem", "compiler")
			_, err := LoadPrograms(path)
			var problems *Problems
			if !errors.As(err, &problems) {
				t.Fatalf("error %v", err)
			}
			announced(t, path, problems.List, want)
		})
	}
}

// announced compares what was found with what the comments say, both ways.
func announced(t *testing.T, path string, found []Problem, want map[int][]string) {
	t.Helper()
	for _, p := range found {
		if p.Pos.File != path || p.Pos.Column < 1 {
			t.Errorf("no place: %v", p)
		}
		if !take(want, p.Pos.Line, p.Text) {
			t.Errorf("not expected: %v", p)
		}
	}
	for line, texts := range want {
		for _, text := range texts {
			t.Errorf("%s:%d: missing: %s", path, line, text)
		}
	}
}

func TestReadPrograms_warns_of_what_is_hardly_meant(t *testing.T) {
	const path = "testdata/warned/programs.yaml"
	programs, err := ReadPrograms(path)
	if err != nil {
		t.Fatal(err)
	}
	announced(t, path, programs.Warnings, expected(t, path, "warning"))
	for _, quiet := range []string{example, golden, "../programs.yaml"} {
		programs, err := ReadPrograms(quiet)
		if err != nil || len(programs.Warnings) > 0 {
			t.Errorf("%s: error %v, warnings %v", quiet, err, programs.Warnings)
		}
	}
}

func take(want map[int][]string, line int, text string) bool {
	for i, w := range want[line] {
		if strings.Contains(text, w) {
			want[line] = append(want[line][:i:i], want[line][i+1:]...)
			return true
		}
	}
	return false
}

func TestLoadPrograms_points_at_the_column(t *testing.T) {
	_, err := loadText(t, "version: 1\norgs:\n  - id: acme\n    teams: [{id: a, nmae: b}]\n")
	if err == nil || !strings.Contains(err.Error(), `programs.yaml:4:21: orgs[acme].teams[a]: unknown key "nmae"; did you mean "name"?`) {
		t.Errorf("error %v", err)
	}
}

func TestLoadPrograms_refuses_what_is_not_YAML(t *testing.T) {
	for name, text := range map[string]string{
		"empty":     "",
		"comments":  "# nothing\n",
		"open":      "version: 1\norgs: [",
		"tabs":      "version: 1\n\torgs: []\n",
		"latin":     "version: 1\nname: \xe4\n",
		"documents": "version: 1\n---\nversion: 1\n",
		"list":      "- 1\n",
		"scalar":    "hello",
		"tag":       "version: !!int 1\n",
		"anchor":    "version: *one\n",
		"deep":      "version: 1\norgs: " + strings.Repeat("[", 200) + strings.Repeat("]", 200),
	} {
		t.Run(name, func(t *testing.T) {
			_, err := loadText(t, text)
			var problems *Problems
			if !errors.As(err, &problems) || problems.List[0].Pos.Line < 1 {
				t.Errorf("error %v", err)
			}
		})
	}
}

func loadText(t testing.TB, text string) (*program.Catalog, error) {
	t.Helper()
	path := filepath.Join(t.TempDir(), "programs.yaml")
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return LoadPrograms(path)
}

func ExampleLoadPrograms() {
	_, err := LoadPrograms("testdata/bad/template.yaml")
	fmt.Println(strings.Split(err.Error(), "\n")[1])
	// Output: testdata/bad/template.yaml:7:19: orgs[acme].templates[base].timezone: is not a time zone: "Mars/Olympus"; write UTC or a name such as Europe/Berlin
}
