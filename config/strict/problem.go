package strict

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"unicode"
)

// Problem is one fault and where it stands.
type Problem struct {
	Pos  Pos
	Path string // of keys, as orgs[acme].programs[us-store]; may be empty
	Text string
}

// String is file:line:column: path: text.
func (p Problem) String() string {
	s := p.Text
	if p.Path != "" {
		s = p.Path + ": " + s
	}
	if p.Pos == (Pos{}) {
		return s
	}
	return p.Pos.String() + ": " + s
}

const (
	// maxProblems bounds what one load tells: a file of noise makes a problem of
	// every line.
	maxProblems = 10_000
	// maxAdded bounds how often a problem is told, repetitions included, before
	// looking on is given up.
	maxAdded = 10 * maxProblems
	// maxProblemText bounds the text of one, which may quote the file, and its path.
	maxProblemText = 600
)

// Problems are all faults of a load, as one error.
type Problems struct {
	List []Problem
	// Warnings are what can be carried out and is hardly meant.
	Warnings []Problem
	// More counts the problems that are too many to list.
	More int

	added int
	told  map[told]bool
}

// told is what makes two problems the same: a template is decoded once for
// every version that uses it, each time by another path.
type told struct {
	pos  Pos
	text string
}

// Add notes a fault, each once.
func (p *Problems) Add(at Pos, path, format string, args ...any) {
	p.added++
	if one, first := p.first(at, path, format, args); first {
		if len(p.List) == maxProblems {
			p.More++
			return
		}
		p.List = append(p.List, one)
	}
}

// Warn notes what is no fault and should be looked at.
func (p *Problems) Warn(at Pos, path, format string, args ...any) {
	if one, first := p.first(at, path, format, args); first && len(p.Warnings) < maxProblems {
		p.Warnings = append(p.Warnings, one)
	}
}

func (p *Problems) first(at Pos, path, format string, args []any) (one Problem, first bool) {
	one = Problem{Pos: at, Path: shown(path), Text: shown(fmt.Sprintf(format, args...))}
	key := told{at, one.Text}
	if p.told[key] {
		return one, false
	}
	if p.told == nil {
		p.told = map[told]bool{}
	}
	if len(p.told) < 3*maxProblems { // beyond that, repetitions are told
		p.told[key] = true
	}
	return one, true
}

// shown is a text that is fit for a terminal: not endless, and without control
// characters that the file brought.
func shown(text string) string {
	if len(text) > maxProblemText {
		text = strings.ToValidUTF8(text[:maxProblemText], "") + "…"
	}
	if !strings.ContainsFunc(text, unicode.IsControl) {
		return text
	}
	return strings.Map(func(r rune) rune {
		if unicode.IsControl(r) {
			return unicode.ReplacementChar
		}
		return r
	}, text)
}

// Full tells that there are too many problems for looking on to be of use.
func (p *Problems) Full() bool { return p.More > 0 || p.added > maxAdded }

// Count is how many problems there are, listed or not.
func (p *Problems) Count() int { return len(p.List) + p.More }

// Err is the collection as an error, sorted by place, or nil when there is no
// fault. Warnings are none; they are sorted, too.
func (p *Problems) Err() error {
	slices.SortStableFunc(p.Warnings, byPlace)
	if len(p.List) == 0 {
		return nil
	}
	slices.SortStableFunc(p.List, byPlace)
	return p
}

func byPlace(a, b Problem) int {
	return cmp.Or(
		cmp.Compare(a.Pos.File, b.Pos.File),
		cmp.Compare(a.Pos.Line, b.Pos.Line),
		cmp.Compare(a.Pos.Column, b.Pos.Column),
		cmp.Compare(a.Text, b.Text),
	)
}

// Error lists every fault, one a line.
func (p *Problems) Error() string {
	lines := make([]string, len(p.List), len(p.List)+1)
	for i, one := range p.List {
		lines[i] = one.String()
	}
	if p.Full() {
		lines = append(lines, fmt.Sprintf("and %d more problems at least; the rest was not looked at", p.More))
	}
	return strings.Join(lines, "\n")
}
