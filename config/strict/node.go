package strict

import (
	"fmt"
	"slices"
)

// Kind is what a node holds.
type Kind byte

// The kinds of a node.
const (
	Null Kind = iota
	Bool
	Int
	Float
	String
	List
	Map
	// Loose is a scalar that came as bare text, from the environment: it takes
	// the type that is asked for, a list is separated by commas, and so is a map,
	// written as key=value.
	Loose
)

// String names the kind as an error message would.
func (k Kind) String() string {
	switch k {
	case Null:
		return "nothing"
	case Bool:
		return "true or false"
	case Int:
		return "a whole number"
	case Float:
		return "a number"
	case List:
		return "a list"
	case Map:
		return "a map"
	default:
		return "a text"
	}
}

// Pos is a place in a file; Line and Column count from 1. A Line of 0 is a
// source without lines, such as an environment variable.
type Pos struct {
	File         string
	Line, Column int
}

// String is file:line:column.
func (p Pos) String() string {
	if p.Line == 0 {
		return p.File
	}
	return fmt.Sprintf("%s:%d:%d", p.File, p.Line, p.Column)
}

// Node is a value of a YAML file and where it stands. Nodes are not changed
// after they were made: Merge makes new ones.
type Node struct {
	Pos   Pos
	Kind  Kind
	Text  string  // of a scalar, as written without quotes
	Items []*Node // of a List
	Pairs []Pair  // of a Map, in the order of the file, keys distinct

	list   *Node // the list that an item was written in
	values int   // how many values it holds, itself among them
}

// Values is how many values the node holds, itself among them; what an alias
// repeats counts each time.
func (n *Node) Values() int {
	if n == nil {
		return 0
	}
	return max(n.values, 1)
}

// weigh counts the values of a node whose items and pairs are known.
func (n *Node) weigh() {
	n.values = 1
	for _, item := range n.Items {
		n.values = min(n.values+item.Values(), tooMany)
	}
	for i := range n.Pairs {
		n.values = min(n.values+n.Pairs[i].Value.Values(), tooMany)
	}
}

// tooMany is where counting ends: aliases of aliases multiply.
const tooMany = 1 << 40

// Pair is one entry of a map.
type Pair struct {
	Key   string
	Pos   Pos // of the key
	Value *Node
}

// Get finds the value of a key; nil when the node is no map or has no such key.
func (n *Node) Get(key string) *Node {
	if n == nil {
		return nil
	}
	for i := range n.Pairs {
		if n.Pairs[i].Key == key {
			return n.Pairs[i].Value
		}
	}
	return nil
}

// At is embedded in structs that want to know where their values stand.
type At struct{ node *Node }

// Where is the place of a key's value, or of the whole struct when the key is
// absent or empty.
func (a At) Where(key string) Pos {
	if v := a.node.Get(key); v != nil {
		return v.Pos
	}
	if a.node == nil {
		return Pos{}
	}
	return a.node.Pos
}

// KeyAt is the place of the key itself, for a key that should not be there.
func (a At) KeyAt(key string) Pos {
	if a.node != nil {
		for i := range a.node.Pairs {
			if a.node.Pairs[i].Key == key {
				return a.node.Pairs[i].Pos
			}
		}
	}
	return a.Where("")
}

// Without is a map without one of its keys.
func (n *Node) Without(key string) *Node {
	out := *n
	out.Pairs = slices.DeleteFunc(slices.Clone(n.Pairs), func(p Pair) bool { return p.Key == key })
	out.weigh()
	return &out
}

// Has says whether the key was written with a value.
func (a At) Has(key string) bool {
	v := a.node.Get(key)
	return v != nil && v.Kind != Null
}

// Node is the tree that the struct was decoded from.
func (a At) Node() *Node { return a.node }

// SameList says whether two structs were written as items of one list, rather
// than brought together by a merge.
func (a At) SameList(b At) bool {
	return a.node != nil && b.node != nil && a.node.list == b.node.list
}

func (a *At) place(n *Node) { a.node = n }

type placed interface{ place(n *Node) }
