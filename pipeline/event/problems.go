package event

import (
	"fmt"
	"strings"
	"unicode/utf8"
)

const (
	maxProblems    = 20  // told of one event; what goes beyond is counted
	maxProblemText = 200 // bytes of one problem
)

// problems collects what is wrong with one event. The zero value is ready, and
// costs nothing while nothing is wrong.
type problems struct {
	told []string
	more int
}

func (p *problems) add(format string, args ...any) {
	if len(p.told) == maxProblems {
		p.more++
		return
	}
	p.told = append(p.told, shorten(fmt.Sprintf(format, args...), maxProblemText))
}

// list is what was collected, nil when nothing was.
func (p *problems) list() []string {
	if p.more > 0 {
		return append(p.told, fmt.Sprintf("and %d more", p.more))
	}
	return p.told
}

// shorten cuts a text to at most n bytes, between two runes.
func shorten(s string, n int) string {
	if len(s) <= n {
		return s
	}
	const mark = "…"
	n -= len(mark)
	for n > 0 && !utf8.RuneStart(s[n]) {
		n--
	}
	return s[:n] + mark
}

// Summary joins texts as [Detail] does problems, within the same bounds.
func Summary(texts []string) string {
	var p problems
	for _, text := range texts {
		p.add("%s", text)
	}
	return Detail(p.list())
}

// Detail joins problems as the header gv_detail and the column detail tell
// them.
func Detail(problems []string) string { return strings.Join(problems, "; ") }
