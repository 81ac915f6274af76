package strict

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
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

// Problems are all faults of a load, as one error.
type Problems struct{ List []Problem }

// Add notes a fault.
func (p *Problems) Add(at Pos, path, format string, args ...any) {
	p.List = append(p.List, Problem{Pos: at, Path: path, Text: fmt.Sprintf(format, args...)})
}

// Err is the collection as an error, sorted by place with repetitions removed
// (a template is decoded once for every version that uses it), or nil when
// there is no fault.
func (p *Problems) Err() error {
	if len(p.List) == 0 {
		return nil
	}
	slices.SortStableFunc(p.List, func(a, b Problem) int {
		return cmp.Or(
			cmp.Compare(a.Pos.File, b.Pos.File),
			cmp.Compare(a.Pos.Line, b.Pos.Line),
			cmp.Compare(a.Pos.Column, b.Pos.Column),
			cmp.Compare(a.Text, b.Text),
		)
	})
	p.List = slices.CompactFunc(p.List, func(a, b Problem) bool {
		return a.Pos == b.Pos && a.Text == b.Text
	})
	return p
}

// Error lists every fault, one a line.
func (p *Problems) Error() string {
	lines := make([]string, len(p.List))
	for i, one := range p.List {
		lines[i] = one.String()
	}
	return strings.Join(lines, "\n")
}
