package cases

import (
	"fmt"
	"strings"
	"time"
	"unicode"
)

// line is a line of events: [time] word [what] [key=value ...] [amount currency].
type line struct {
	text   string
	at     time.Time // when it happened
	word   string
	plain  []string // words without a key, in their order
	values map[string]string
}

// pause lies between a line and the next when that tells no time.
const pause = time.Minute

// cut reads a line that follows one of a time.
func cut(text string, before time.Time) (*line, error) {
	l := &line{text: text, at: before.Add(pause), values: map[string]string{}}
	words, err := split(text)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", text, err)
	}
	if at, ok := when(words[0], before); ok {
		l.at, words = at, words[1:]
	}
	if len(words) == 0 {
		return nil, fmt.Errorf("%s: nothing happens", text)
	}
	l.word = words[0]
	for _, w := range words[1:] {
		if key, value, ok := strings.Cut(w, "="); ok {
			l.values[key] = value
		} else {
			l.plain = append(l.plain, w)
		}
	}
	return l, nil
}

// when reads a time, or a span since the line before.
func when(word string, before time.Time) (time.Time, bool) {
	for _, layout := range []string{time.DateOnly, "2006-01-02T15:04Z07:00", time.RFC3339} {
		if at, err := time.Parse(layout, word); err == nil {
			return at, true
		}
	}
	if span, ok := strings.CutPrefix(word, "+"); ok {
		if d, err := time.ParseDuration(span); err == nil {
			return before.Add(d), true
		}
	}
	return time.Time{}, false
}

// take takes a value out of a line, so that what is left over is noticed.
func (l *line) take(key string) string {
	value := l.values[key]
	delete(l.values, key)
	return value
}

// split cuts at spaces outside of quotes.
func split(text string) (words []string, err error) {
	var quoted bool
	words = strings.FieldsFunc(text, func(r rune) bool {
		if r == '"' {
			quoted = !quoted
		}
		return unicode.IsSpace(r) && !quoted
	})
	if quoted {
		return nil, fmt.Errorf("a quote without its other half")
	}
	for i := range words {
		words[i] = strings.ReplaceAll(words[i], `"`, "")
	}
	return words, nil
}
