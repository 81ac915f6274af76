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

// reader turns the parser's tree into nodes.
type reader struct {
	file     string
	problems *Problems
	// named are the values of anchors, converted once however often an alias
	// repeats them; nil while one is being converted.
	named map[*yaml.Node]*Node
	// copied counts the pairs that << has brought.
	copied int
}

func (r *reader) pos(n *yaml.Node) Pos { return Pos{r.file, n.Line, n.Column} }

func (r *reader) node(n *yaml.Node, depth int) *Node {
	if depth > maxDepth {
		r.problems.Add(r.pos(n), "", "is nested more than %d deep", maxDepth)
		return &Node{Pos: r.pos(n)}
	}
	if n.Kind == yaml.AliasNode {
		named, known := r.named[n.Alias]
		if !known || named == nil {
			r.problems.Add(r.pos(n), "", "the anchor &%s contains itself", n.Value)
			return &Node{Pos: r.pos(n)}
		}
		return named
	}
	if n.Anchor != "" {
		r.named[n] = nil
	}
	out := r.value(n, depth)
	if n.Anchor != "" {
		r.named[n] = out
	}
	return out
}

func (r *reader) value(n *yaml.Node, depth int) *Node {
	switch n.Kind {
	case yaml.MappingNode:
		return r.mapping(n, depth)
	case yaml.SequenceNode:
		list := &Node{Pos: r.pos(n), Kind: List, Items: make([]*Node, 0, len(n.Content))}
		for _, item := range n.Content {
			one := r.node(item, depth+1)
			if one.list != nil { // an alias may stand in several lists
				again := *one
				one = &again
			}
			one.list = list
			list.Items = append(list.Items, one)
		}
		list.weigh()
		return list
	default:
		return r.scalar(n)
	}
}

func (r *reader) scalar(n *yaml.Node) *Node {
	out := &Node{Pos: r.pos(n), Text: n.Value}
	switch tag := n.ShortTag(); {
	case n.Style&yaml.TaggedStyle != 0:
		r.problems.Add(out.Pos, "", "the tag %s is not supported", tag)
	case tag == "!!null":
		out.Kind = Null
	case tag == "!!bool":
		out.Kind = Bool
	case tag == "!!int":
		out.Kind = Int
	case tag == "!!float":
		out.Kind = Float
	default: // also timestamps, which are texts here
		out.Kind = String
	}
	return out
}

func (r *reader) mapping(n *yaml.Node, depth int) *Node {
	out := &Node{Pos: r.pos(n), Kind: Map, Pairs: make([]Pair, 0, len(n.Content)/2)}
	if keys := len(n.Content) / 2; keys > maxKeys {
		r.problems.Add(out.Pos, "", "is a map of %d keys; at most %d", keys, maxKeys)
		return out
	}
	var merged []*Node
	seen := make(map[string]Pos, len(n.Content)/2)
	for i := 0; i+1 < len(n.Content); i += 2 {
		key, at := n.Content[i], r.pos(n.Content[i])
		value := r.node(n.Content[i+1], depth+1)
		if key.Kind != yaml.ScalarNode {
			r.problems.Add(at, "", "a key must be a plain text")
			continue
		}
		if key.ShortTag() == "!!merge" {
			merged = append(merged, value)
			continue
		}
		if first, twice := seen[key.Value]; twice {
			r.problems.Add(at, "", "the key %q stands here again; it was given in line %d", key.Value, first.Line)
			continue
		}
		seen[key.Value] = at
		out.Pairs = append(out.Pairs, Pair{key.Value, at, value})
	}
	for _, m := range merged {
		r.mergeKey(out, m, seen)
	}
	out.weigh()
	return out
}

// mergeKey carries out `<<: *anchor`: keys of the map itself win.
func (r *reader) mergeKey(into, from *Node, seen map[string]Pos) {
	switch from.Kind {
	case Map:
		before := r.copied
		if r.copied += len(from.Pairs); r.copied > MaxValues {
			if before <= MaxValues {
				r.problems.Add(into.Pos, "", "with this map, << repeats more than %d keys", MaxValues)
			}
			return
		}
		for _, p := range from.Pairs {
			if _, known := seen[p.Key]; !known {
				seen[p.Key] = p.Pos
				into.Pairs = append(into.Pairs, p)
			}
		}
	case List:
		for _, item := range from.Items {
			r.mergeKey(into, item, seen)
		}
	default:
		r.problems.Add(from.Pos, "", "<< takes a map or a list of maps, not %s", from.Kind)
	}
}
