package cases

import (
	"fmt"
	"os"
	"slices"
	"strings"

	"github.com/rogpeppe/go-internal/txtar"
)

// The sections of a case that are no expectation.
const (
	wholeFile  = "programs.yaml" // a file of programs, as a worker reads it
	oneVersion = "version.yaml"  // the version of the one program that most cases need
	eventLines = "events"
)

// The sections that say what must come of the events, in the order in which a case
// has them. Each that stands in a case must hold all lines of its kind.
var kinds = []string{
	"clicks", "credits", "shadow", "considered", "adjustments", "rewards", "texts", "net", "balances", "segments", "dead letters", "refused",
}

// Case is one file: what it is about, what happens, and what must come of it.
type Case struct {
	Title    string
	Programs map[string][]byte // files of programs by name; the events begin with [wholeFile]
	Events   []string          // lines
	Expected map[string][]string
	archive  *txtar.Archive
}

// Read reads a case.
func Read(path string) (*Case, error) {
	text, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	c := &Case{Programs: map[string][]byte{}, Expected: map[string][]string{}, archive: txtar.Parse(text)}
	about := lines(c.archive.Comment)
	if len(about) < 2 || !strings.Contains(string(c.archive.Comment), "§") {
		return nil, fmt.Errorf("%s: begins with no title and the sentence that it is for", path)
	}
	c.Title = about[0]
	for _, f := range c.archive.Files {
		switch {
		case f.Name == oneVersion:
			c.Programs[wholeFile] = around(f.Data)
		case strings.HasSuffix(f.Name, ".yaml"):
			c.Programs[f.Name] = f.Data
		case f.Name == eventLines:
			c.Events = lines(f.Data)
		case slices.Contains(kinds, f.Name):
			c.Expected[f.Name] = lines(f.Data)
		default:
			return nil, fmt.Errorf("%s: section %q; there are %s, %s, %s", path, f.Name, wholeFile, eventLines, strings.Join(kinds, ", "))
		}
	}
	if c.Programs[wholeFile] == nil || len(c.Expected) == 0 {
		return nil, fmt.Errorf("%s: neither programs nor anything expected", path)
	}
	return c, nil
}

// Rewrite writes a case with what came of it in the place of what was expected.
func (c *Case) Rewrite(path string, came map[string][]string) error {
	for i := range c.archive.Files {
		f := &c.archive.Files[i]
		if slices.Contains(kinds, f.Name) {
			f.Data = []byte(strings.Join(append(came[f.Name], ""), "\n"))
		}
	}
	return os.WriteFile(path, txtar.Format(c.archive), 0o644)
}

// lines are those that say something: no comment, not empty.
func lines(text []byte) (kept []string) {
	for line := range strings.Lines(string(text)) {
		line, _, _ = strings.Cut(line, "#")
		if line = strings.TrimSpace(line); line != "" {
			kept = append(kept, line)
		}
	}
	return kept
}

// around makes a file of programs of one version: that of acme's shop, in euros
// unless it says otherwise, since 2026.
func around(version []byte) []byte {
	var b strings.Builder
	b.WriteString("version: 1\norgs:\n  - id: acme\n    programs:\n      - id: shop\n        versions:\n          - valid_from: 2026-01-01T00:00:00Z\n")
	if !strings.HasPrefix(string(version), "currency:") && !strings.Contains(string(version), "\ncurrency:") {
		b.WriteString("            currency: EUR\n")
	}
	for line := range strings.Lines(string(version)) {
		b.WriteString("            " + line)
	}
	return []byte(b.String())
}
