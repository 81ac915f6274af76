package strict

import "go.yaml.in/yaml/v4"

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
