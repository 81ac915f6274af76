package strict

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"unicode/utf8"

	"go.yaml.in/yaml/v4"
)

// Bounds of what is read, so that no file can exhaust a worker.
const (
	maxDepth = 64    // of nested values; program files need ten
	maxKeys  = 1_000 // of one map; program files need some twenty
	// MaxValues is how many values are read, each as often as aliases repeat it.
	MaxValues = 3_000_000
)

// Parse reads one YAML document. It returns nil when the text has no readable
// content; each fault goes to problems under the name of the file.
func Parse(file string, text []byte, problems *Problems) *Node {
	start := Pos{File: file, Line: 1, Column: 1}
	if at := notUTF8(text); at >= 0 {
		problems.Add(place(file, text, at), "", "is not UTF-8")
		return nil
	}
	if estimate(text) > MaxValues {
		problems.Add(start, "", "may hold more than %d values; split it into a folder of files", MaxValues)
		return nil
	}
	document, err := parse(text)
	if err != nil {
		at, message := syntax(err, file, text)
		problems.Add(at, "", "%s", message)
		return nil
	}
	if document == nil || len(document.Content) == 0 || document.Content[0].ShortTag() == "!!null" {
		problems.Add(start, "", "is empty")
		return nil
	}
	r := reader{file: file, problems: problems, named: map[*yaml.Node]*Node{}}
	root := r.node(document.Content[0], 0)
	if r.copied > MaxValues {
		return nil
	}
	if root.Values() > MaxValues {
		problems.Add(start, "", "holds more than %d values, repeated ones included; use fewer aliases", MaxValues)
		return nil
	}
	return root
}

// estimate is how many values a text can hold at most: each but the first comes
// after a sign of its own. The parser, which needs some 500 bytes a value, is
// not even asked to read more.
func estimate(text []byte) int {
	signs := 1
	for _, sign := range []string{"\n", "\r", ",", ":", "[", "{", "- ", "? "} {
		signs += bytes.Count(text, []byte(sign))
	}
	return signs
}

// notUTF8 is the offset of the first byte that is not, or -1.
func notUTF8(text []byte) int {
	if utf8.Valid(text) {
		return -1
	}
	for i := 0; ; {
		r, size := utf8.DecodeRune(text[i:])
		if r == utf8.RuneError && size == 1 {
			return i
		}
		i += size
	}
}

var errSecondDocument = errors.New("holds a second document; a file holds one")

// parse shields the caller from a parser that gives up by panicking. A text
// without a document gives nil.
func parse(text []byte) (document *yaml.Node, err error) {
	defer func() {
		if r := recover(); r != nil {
			err = fmt.Errorf("is not YAML that can be read: %v", r)
		}
	}()
	loader, err := yaml.NewLoader(bytes.NewReader(text))
	if err != nil {
		return nil, fmt.Errorf("prepare to read YAML: %w", err)
	}
	var first, second yaml.Node
	if err := loader.Load(&first); errors.Is(err, io.EOF) {
		return nil, nil
	} else if err != nil {
		return nil, err
	}
	switch err := loader.Load(&second); {
	case errors.Is(err, io.EOF):
		return &first, nil
	case err != nil:
		return nil, err
	default:
		return nil, errSecondDocument
	}
}

// syntax is where the parser gave up, and why.
func syntax(err error, file string, text []byte) (Pos, string) {
	start := Pos{File: file, Line: 1, Column: 1}
	if errors.Is(err, errSecondDocument) {
		return start, err.Error()
	}
	var at *yaml.LoadError
	if !errors.As(err, &at) {
		return start, "is not YAML: " + err.Error()
	}
	message := "is not YAML: " + at.Message
	if c := at.ContextMark; c.Line > 0 && c.Line != at.Mark.Line && at.ContextMsg != "" {
		message += fmt.Sprintf(" (%s from line %d on)", at.ContextMsg, c.Line)
	}
	if at.Mark.Line == 0 { // the first stage counts no lines
		return place(file, text, min(at.Mark.Index, len(text))), message
	}
	if indentedByTabs(text, at.Mark.Line) {
		message += "; indent with spaces, not with tabs"
	}
	return Pos{file, at.Mark.Line, at.Mark.Column}, message
}

// place is that of a byte.
func place(file string, text []byte, at int) Pos {
	return Pos{file, 1 + bytes.Count(text[:at], []byte("\n")), at - bytes.LastIndexByte(text[:at], '\n')}
}

// indentedByTabs says whether a tab stands before the first word of a line.
func indentedByTabs(text []byte, line int) bool {
	for range line - 1 {
		_, text, _ = bytes.Cut(text, []byte("\n"))
	}
	text, _, _ = bytes.Cut(text, []byte("\n"))
	indent := text[:len(text)-len(bytes.TrimLeft(text, " \t"))]
	return bytes.IndexByte(indent, '\t') >= 0
}
