package strict

import (
	"bytes"
	"errors"
	"fmt"
	"unicode/utf8"

	"github.com/goccy/go-yaml"
	"github.com/goccy/go-yaml/ast"
	"github.com/goccy/go-yaml/parser"
	"github.com/goccy/go-yaml/token"
)

// maxDepth of nested values; program files need ten.
const maxDepth = 64

// Parse reads one YAML document. It returns nil when the text has no readable
// content; each fault goes to problems under the name of the file.
func Parse(file string, text []byte, problems *Problems) *Node {
	start := Pos{File: file, Line: 1, Column: 1}
	if !utf8.Valid(text) {
		problems.Add(start, "", "is not UTF-8")
		return nil
	}
	// A mark of byte order is legal at the start and means nothing.
	text = bytes.TrimPrefix(text, []byte("\xef\xbb\xbf"))
	tree, err := parse(text)
	if err != nil {
		at, message := syntax(err, start)
		problems.Add(at, "", "%s", message)
		return nil
	}
	r := reader{file: file, problems: problems, anchors: map[string]*Node{}}
	var root *Node
	for _, doc := range tree.Docs {
		if doc.Body == nil || doc.Body.Type() == ast.CommentGroupType {
			continue
		}
		if root != nil {
			problems.Add(r.pos(doc.Body), "", "is a second document; a file holds one")
			break
		}
		root = r.node(doc.Body, 0)
	}
	if root == nil {
		problems.Add(start, "", "is empty")
	}
	return root
}

// parse shields the caller from a parser that gives up by panicking.
func parse(text []byte) (tree *ast.File, err error) {
	defer func() {
		if r := recover(); r != nil {
			err = fmt.Errorf("is not YAML that can be read: %v", r)
		}
	}()
	return parser.ParseBytes(text, 0, parser.AllowDuplicateMapKey())
}

func syntax(err error, start Pos) (Pos, string) {
	var at yaml.Error
	if errors.As(err, &at) {
		if t := at.GetToken(); t != nil && t.Position != nil {
			return Pos{start.File, t.Position.Line, t.Position.Column}, "is not YAML: " + at.GetMessage()
		}
		return start, "is not YAML: " + at.GetMessage()
	}
	return start, err.Error()
}

// reader turns the parser's tree into nodes.
type reader struct {
	file     string
	problems *Problems
	anchors  map[string]*Node
}

func (r *reader) pos(n ast.Node) Pos { return r.tokenPos(n.GetToken()) }

func (r *reader) tokenPos(t *token.Token) Pos {
	if t == nil || t.Position == nil {
		return Pos{File: r.file, Line: 1, Column: 1}
	}
	return Pos{r.file, t.Position.Line, t.Position.Column}
}

func (r *reader) node(n ast.Node, depth int) *Node {
	if n == nil {
		return &Node{Pos: Pos{File: r.file, Line: 1, Column: 1}}
	}
	if depth > maxDepth {
		r.problems.Add(r.pos(n), "", "is nested more than %d deep", maxDepth)
		return &Node{Pos: r.pos(n)}
	}
	switch v := n.(type) {
	case *ast.MappingNode:
		return r.mapping(v, v.Values, depth)
	case *ast.MappingValueNode:
		return r.mapping(v, []*ast.MappingValueNode{v}, depth)
	case *ast.SequenceNode:
		list := &Node{Pos: r.pos(v), Kind: List, Items: make([]*Node, 0, len(v.Values))}
		for _, item := range v.Values {
			one := r.node(item, depth+1)
			if one.list != nil { // an alias may stand in several lists
				c := *one
				one = &c
			}
			one.list = list
			list.Items = append(list.Items, one)
		}
		return list
	case *ast.AnchorNode:
		named := r.node(v.Value, depth+1)
		r.anchors[v.Name.GetToken().Value] = named
		return named
	case *ast.AliasNode:
		name := v.Value.GetToken().Value
		if named := r.anchors[name]; named != nil {
			return named
		}
		r.problems.Add(r.pos(v), "", "there is no anchor &%s before this", name)
		return &Node{Pos: r.pos(v)}
	case *ast.TagNode:
		r.problems.Add(r.pos(v), "", "the tag %s is not supported", v.Start.Value)
		return r.node(v.Value, depth+1)
	default:
		return r.scalar(n)
	}
}

func (r *reader) scalar(n ast.Node) *Node {
	out := &Node{Pos: r.pos(n), Text: n.GetToken().Value}
	switch v := n.(type) {
	case *ast.NullNode:
		out.Kind = Null
	case *ast.BoolNode:
		out.Kind = Bool
	case *ast.IntegerNode:
		out.Kind = Int
	case *ast.FloatNode, *ast.InfinityNode, *ast.NanNode:
		out.Kind = Float
	case *ast.StringNode:
		out.Kind, out.Text = String, v.Value
	case *ast.LiteralNode:
		out.Kind, out.Text = String, v.Value.Value
	default:
		r.problems.Add(out.Pos, "", "%s cannot stand here", n.Type().YAMLName())
	}
	return out
}

func (r *reader) mapping(n ast.Node, values []*ast.MappingValueNode, depth int) *Node {
	out := &Node{Pos: r.pos(n), Kind: Map, Pairs: make([]Pair, 0, len(values))}
	if len(values) > 0 && !values[0].IsFlowStyle {
		out.Pos = r.pos(values[0].Key) // not of the colon
	}
	var merged []*Node
	seen := make(map[string]Pos, len(values))
	for _, mv := range values {
		key, at, ok := r.key(mv.Key)
		if !ok {
			continue
		}
		value := r.node(mv.Value, depth+1)
		if mv.Key.IsMergeKey() {
			merged = append(merged, value)
			continue
		}
		if first, twice := seen[key]; twice {
			r.problems.Add(at, "", "the key %q stands here again; it was given in line %d", key, first.Line)
			continue
		}
		seen[key] = at
		out.Pairs = append(out.Pairs, Pair{key, at, value})
	}
	for _, m := range merged {
		r.mergeKey(out, m)
	}
	return out
}

func (r *reader) key(k ast.MapKeyNode) (string, Pos, bool) {
	at := r.pos(k)
	switch v := k.(type) {
	case *ast.StringNode:
		return v.Value, at, true
	case *ast.MergeKeyNode:
		return "<<", at, true
	case *ast.MappingKeyNode:
		r.problems.Add(at, "", "a key must be a plain text")
		return "", at, false
	default:
		return k.GetToken().Value, at, true
	}
}

// mergeKey carries out `<<: *anchor`: keys of the map itself win.
func (r *reader) mergeKey(into, from *Node) {
	switch from.Kind {
	case Map:
		for _, p := range from.Pairs {
			if into.Get(p.Key) == nil {
				into.Pairs = append(into.Pairs, p)
			}
		}
	case List:
		for _, item := range from.Items {
			r.mergeKey(into, item)
		}
	default:
		r.problems.Add(from.Pos, "", "<< takes a map or a list of maps, not %s", from.Kind)
	}
}
