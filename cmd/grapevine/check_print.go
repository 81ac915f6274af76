package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/grapevinehq/grapevine/config"
	"github.com/grapevinehq/grapevine/pipeline/program"
)

// check refuses flags that do not go together.
func (f *checkFlags) check() error {
	if !f.print && (f.program != "" || f.at != "" || f.format != "yaml") {
		return usageError{errors.New("--program, --at and --format say what --print prints")}
	}
	if _, err := f.time(time.Time{}); err != nil {
		return usageError{err}
	}
	return checkFormat(f.format, "yaml", "json")
}

// time is that of --at, zero when none is given.
func (f *checkFlags) time(now time.Time) (time.Time, error) {
	if f.at == "" {
		return time.Time{}, nil
	}
	if f.at == "now" {
		return now, nil
	}
	at, err := time.Parse(time.RFC3339, f.at)
	if err != nil {
		return at, fmt.Errorf("--at %s: write RFC 3339, such as 2026-01-01T00:00:00Z, or now", f.at)
	}
	return at, nil
}

// printPrograms prints the programs as they decide.
func (f *checkFlags) printPrograms(out io.Writer, programs *config.Programs) error {
	at, err := f.time(time.Now())
	if err != nil {
		return err
	}
	of := config.Selection{At: at}
	if f.program != "" {
		of.Org, of.Program = splitProgram(programs.Catalog, f.program)
	}
	effective, err := programs.Effective(of)
	if err != nil {
		return err
	}
	if f.program != "" && len(effective.Inactive) > 0 {
		return fmt.Errorf("no version of %s is valid at %s", f.program, at.UTC().Format(time.RFC3339Nano))
	}
	if f.format == "json" {
		encoder := json.NewEncoder(out)
		encoder.SetIndent("", "  ")
		return encoder.Encode(effective)
	}
	_, err = io.WriteString(out, effectivePage(effective, at))
	return err
}

// splitProgram takes org/program apart; either id may hold a slash.
func splitProgram(catalog *program.Catalog, name string) (org, id string) {
	for org := range catalog.Orgs {
		if id, ok := strings.CutPrefix(name, org+"/"); ok && catalog.Program(org, id) != nil {
			return org, id
		}
	}
	org, id, _ = strings.Cut(name, "/")
	return org, id
}

// originColumn is the column that origins stand in where the values leave room.
const originColumn = 84

// effectivePage is the configuration as YAML, with the origin of each line's
// values behind it.
func effectivePage(e *config.Effective, at time.Time) string {
	var page strings.Builder
	fmt.Fprintf(&page, "# The programs as they decide, revision %.12s: templates merged, defaults filled in.\n", e.Revision)
	fmt.Fprintf(&page, "# Behind a value: where it stands, and what brought it if that is not the version itself.\n")
	if !at.IsZero() {
		fmt.Fprintf(&page, "# The versions valid at %s.\n", at.UTC().Format(time.RFC3339Nano))
	}
	for _, name := range e.Inactive {
		fmt.Fprintf(&page, "# No version of %s is valid then.\n", printable(name))
	}
	lines := e.Lines()
	column := 0
	for _, line := range lines {
		if width := utf8.RuneCountInString(line.Text); width <= originColumn {
			column = max(column, width)
		}
	}
	for _, line := range lines {
		page.WriteString(line.Text)
		if len(line.Values) > 0 {
			gap := max(0, column-utf8.RuneCountInString(line.Text))
			page.WriteString(strings.Repeat(" ", gap) + "  # " + printable(e.Origin(line.Values[0]).String()))
		}
		page.WriteByte('\n')
	}
	return page.String()
}
