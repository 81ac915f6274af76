package config

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"github.com/grapevinehq/grapevine/config/strict"
)

// Files that are made to exhaust who reads them, or that somebody wrote by
// mistake. Each is refused with its place, in little time and memory.
func TestLoadPrograms_refuses_hostile_files_cheaply(t *testing.T) {
	many := func(n int, line string) string {
		var out strings.Builder
		for i := range n {
			fmt.Fprintf(&out, line, i)
		}
		return out.String()
	}
	levels := func(n int) string { // each ten times the one before
		out := "x0: &x0 [a]\n"
		for i := range n {
			out += fmt.Sprintf("x%d: &x%d [%s]\n", i+1, i+1, strings.Repeat(fmt.Sprintf("*x%d, ", i), 10))
		}
		return out
	}
	for name, c := range map[string]struct{ text, want string }{
		"many values":     {"version: 1\norgs: [" + strings.Repeat("a,", 4<<20) + "]", "1:1: may hold more than 3000000 values; split it into a folder of files"},
		"many lines":      {"version: 1\n" + strings.Repeat("\n", 32<<20), "1:1: may hold more than 3000000 values"},
		"open brackets":   {"orgs: " + strings.Repeat("[", 1<<20), "1:10007: is not YAML: exceeded max depth of 10000"},
		"open maps":       {"orgs: " + strings.Repeat("{a: ", 1<<18), "1:40007: is not YAML: exceeded max depth of 10000"},
		"open lists":      {"orgs:\n " + strings.Repeat("- ", 1<<19), "2:20000: is not YAML: exceeded max depth of 10000"},
		"deep":            {"orgs: " + strings.Repeat("[", 70) + strings.Repeat("]", 70), "1:71: is nested more than 64 deep"},
		"laughs":          {levels(9), "1:1: holds more than 3000000 values, repeated ones included; use fewer aliases"},
		"aliased rules":   {aliased(), "1:1: holds more than 3000000 values, repeated ones included; use fewer aliases"},
		"merge keys":      {"x: &x {" + many(900, "k%d: 1, ") + "}\norgs:\n" + many(4000, "- {id: a%d, <<: [*x, *x]}\n"), "with this map, << repeats more than 3000000 keys"},
		"wide map":        {"version: 1\n" + many(1500, "k%d: 1\n"), "1:1: is a map of 1501 keys; at most 1000"},
		"long key":        {strings.Repeat("a", 1<<20) + ": 1", `1:1: unknown key "aaaaaaaaaa`},
		"long text":       {"version: 1\nx: " + strings.Repeat("a", 20<<20), `2:1: unknown key "x"`},
		"wrong items":     {"version: 1\norgs:\n" + many(9000, "- %d\n"), `9002:3: orgs[8999]: must be a map, not "8999"`},
		"too many items":  {"version: 1\norgs:\n" + many(10001, "- {id: o%d}\n"), "3:1: orgs: has 10001 items; at most 10000"},
		"many problems":   {"version: 1\norgs:\n- id: o\n  access:\n" + many(10500, "  - {user: u%d, role: owner, programs: [p]}\n"), "and 11000 more problems at least; the rest was not looked at"},
		"many references": {"version: 1\norgs:\n- id: o\n  teams: [" + many(5000, "{id: team%d}, ") + "]\n  programs:\n" + many(9000, "  - {id: p%d, team: taem}\n"), `there is no team "taem"`},
		"long expression": {segment(strings.Repeat("1+", 2040) + "1 == 5"), "is not an expression that can run: "},
		"wide expression": {segment(strings.Repeat("a", 5000)), "is longer than 4096 bytes"},
		"deep expression": {segment(strings.Repeat("!", 4000) + "true"), "is not an expression that can run: "},
		"zeros":           {strings.Repeat("\x00", 20<<20), "1:1: is not YAML: control characters are not allowed"},
		"UTF-16":          {"\xff\xfev\x00e\x00r\x00", "1:1: is not UTF-8"},
		"invalid UTF-8":   {"version: 1\norgs:\n  - id: \"a\xc3\"\n", "3:11: is not UTF-8"},
		"tabs":            {"version: 1\norgs:\n\t- id: a\n", "3:1: is not YAML: found character that cannot start any token; indent with spaces, not with tabs"},
		"two keys":        {"version: 1\norgs: []\nversion: 1\n", `3:1: the key "version" stands here again; it was given in line 1`},
		"CRLF":            {"version: 1\r\norgs:\r\n  - id: a\r\n    nam: x\r\n", `4:5: orgs[a]: unknown key "nam"`},
		"byte order mark": {"\xef\xbb\xbfversion: 1\norg: []\n", `2:1: unknown key "org"`},
		"escapes":         {"version: 1\norgs:\n- id: \"\\e[31m\"\n", "3:7: orgs[\ufffd[31m].id: must not contain control characters"},
		"no such anchor":  {"version: 1\norgs: *o\n", "2:7: is not YAML: unknown anchor 'o' referenced"},
		"own anchor":      {"version: 1\norgs: &o [*o]\n", "2:11: the anchor &o contains itself"},
		"long text of it": {textOf(4001), "is longer than 4000 characters"},
	} {
		t.Run(name, func(t *testing.T) {
			_, err, took := loadCounting(t, c.text)
			var problems *Problems
			if !errors.As(err, &problems) {
				t.Fatalf("error %v", err)
			}
			if text := err.Error(); !strings.Contains(text, c.want) {
				t.Errorf("error %.300s, want %s", text, c.want)
			}
			if most := uint64(600 << 20); took > most {
				t.Errorf("took %d MiB", took>>20)
			}
		})
	}
}

// loadCounting loads a text and counts the bytes that it took, read and
// released ones included.
func loadCounting(t *testing.T, text string) (programs *Programs, err error, took uint64) { //nolint:staticcheck // in this order it reads as it happens
	t.Helper()
	path := filepath.Join(t.TempDir(), "programs.yaml")
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	programs, err = ReadPrograms(path)
	runtime.ReadMemStats(&after)
	return programs, err, after.TotalAlloc - before.TotalAlloc
}

// aliased is a file of 20 kB with 900 programs of 900 versions of 900 rules.
func aliased() string {
	list := func(item string) string { return "[" + strings.Repeat(item+", ", 900) + "]" }
	return "r: &r " + list("{id: x, type: grant}") + "\n" +
		"v: &v " + list("{currency: EUR, rules: *r}") + "\n" +
		"orgs: [{id: o, programs: " + list("{id: p, versions: *v}") + "}]\n"
}

func segment(when string) string {
	return "version: 1\norgs: [{id: o, segments: [{id: s, when: '" + when + "'}]}]\n"
}

func textOf(length int) string {
	return `version: 1
orgs:
  - id: o
    programs:
      - id: p
        versions:
          - valid_from: 2026-01-01T00:00:00Z
            currency: EUR
            rules:
              - id: r
                type: per_conversion
                name: {en: "` + strings.Repeat("ö", length) + `"}
                rewards: [{id: x, type: cash, flat_minor: 1}]
`
}

func TestLoadPrograms_takes_what_is_only_unusual(t *testing.T) {
	for name, text := range map[string]string{
		"CRLF":            "version: 1\r\norgs:\r\n  - id: a\r\n    name: x\r\n",
		"byte order mark": "\xef\xbb\xbfversion: 1\n",
		"JSON":            `{"version": 1, "orgs": [{"id": "a"}]}`,
		"comments":        "version: 1\n" + strings.Repeat("# nothing\n", 100_000),
		"longest text":    textOf(4000),
	} {
		if _, err := loadText(t, text); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestReadPrograms_reads_files_alone_and_no_more_than_it_can(t *testing.T) {
	folder := t.TempDir()
	big := filepath.Join(folder, "a.yaml")
	write(t, folder, "a.yaml", "")
	if err := os.Truncate(big, maxBytes+1); err != nil {
		t.Fatal(err)
	}
	for path, want := range map[string]string{
		big:         "with " + big + " there are more than 64 MiB of them",
		folder:      "with " + big + " there are more than 64 MiB of them",
		os.DevNull:  "is neither a file nor a folder",
		"/dev/zero": "is neither a file nor a folder",
	} {
		if _, err := ReadPrograms(path); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: error %v", path, err)
		}
	}
}

// Templates multiply what is written: so much can be compiled, and no more.
func TestCompiler_bounds_what_templates_multiply(t *testing.T) {
	files := []sourceFile{{"p.yaml", "p.yaml", []byte(`version: 1
orgs:
  - id: o
    templates: [{id: t, currency: EUR, rules: [{id: a, type: per_conversion, rewards: [{id: x, type: cash, flat_minor: 1}]}]}]
    programs:
      - {id: p, template: t, versions: [{valid_from: 2026-01-01T00:00:00Z}]}
      - {id: q, template: t, versions: [{valid_from: 2026-01-01T00:00:00Z}]}
      - {id: r, template: t, versions: [{valid_from: 2026-01-01T00:00:00Z}]}
`)}}
	for name, set := range map[string]func(*compiler){
		"rules":  func(c *compiler) { c.lent = maxLent - 1 },
		"values": func(c *compiler) { c.merged = maxMerged - 1 },
		"files":  func(c *compiler) { c.read = strict.MaxValues - 1 },
	} {
		c := newCompiler()
		set(c)
		if _, err := c.compile(files); err == nil || strings.Count(err.Error(), "there are more than 3000000 values") != 1 {
			t.Errorf("%s: error %v", name, err)
		}
	}
}
