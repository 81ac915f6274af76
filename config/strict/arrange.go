package strict

import (
	"reflect"
	"slices"
)

// Arrange puts the keys of maps in the order of the struct that they are read
// into, and leaves out what is null. It makes a new tree of the same values.
func Arrange(n *Node, as reflect.Type) *Node {
	for as.Kind() == reflect.Pointer {
		as = as.Elem()
	}
	switch {
	case n.Kind == List && as.Kind() == reflect.Slice:
		out := *n
		out.Items = make([]*Node, len(n.Items))
		for i, item := range n.Items {
			out.Items[i] = Arrange(item, as.Elem())
		}
		out.weigh()
		return &out
	case n.Kind == Map:
		return arrangeMap(n, as)
	default:
		return n
	}
}

func arrangeMap(n *Node, as reflect.Type) *Node {
	out := *n
	out.Pairs = slices.DeleteFunc(slices.Clone(n.Pairs), func(p Pair) bool { return p.Value.Kind == Null })
	if as.Kind() == reflect.Struct {
		s := shapeOf(as)
		slices.SortStableFunc(out.Pairs, func(a, b Pair) int { return s.byKey[a.Key] - s.byKey[b.Key] })
		for i := range out.Pairs {
			p := &out.Pairs[i]
			if at, known := s.byKey[p.Key]; known {
				p.Value = Arrange(p.Value, as.FieldByIndex(s.fields[at].index).Type)
			}
		}
	}
	out.weigh()
	return &out
}

// Copy makes a tree of the same values that shares no node with the old one.
func Copy(n *Node) *Node {
	out := *n
	out.Items = make([]*Node, len(n.Items))
	for i, item := range n.Items {
		out.Items[i] = Copy(item)
	}
	out.Pairs = slices.Clone(n.Pairs)
	for i := range out.Pairs {
		out.Pairs[i].Value = Copy(n.Pairs[i].Value)
	}
	return &out
}

// Each calls f for each value of a tree, the root first.
func Each(n *Node, f func(*Node)) {
	f(n)
	for _, item := range n.Items {
		Each(item, f)
	}
	for i := range n.Pairs {
		Each(n.Pairs[i].Value, f)
	}
}
