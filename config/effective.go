package config

import (
	"encoding/json"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/grapevinehq/grapevine/config/strict"
)

// Effective is what programs decide by: versions with their templates merged
// in, defaults filled in, and where each value comes from. Written as YAML it is
// a file of programs that decides the same.
type Effective struct {
	Revision string // of the files that it was made of

	root    *strict.Node
	origins map[*strict.Node]Origin
	// Inactive are the programs, as org/program, of which no version is valid at
	// the time asked for.
	Inactive []string
}

// Layer is what brought a value.
type Layer string

// The layers, from the uppermost down.
const (
	FromFile     Layer = "file" // outside of versions
	FromVersion  Layer = "version"
	FromTemplate Layer = "template"
	FromDefault  Layer = "default"
	FromNext     Layer = "next version" // the end of a version that says none
)

// Origin is where a value comes from. A default stands in no file.
type Origin struct {
	Layer    Layer  `json:"layer"`
	Template string `json:"template,omitempty"`
	File     string `json:"file,omitempty"`
	Line     int    `json:"line,omitempty"`
	Column   int    `json:"column,omitempty"`
}

// Selection is what of the programs is asked for.
type Selection struct {
	Org, Program string    // one program, with what it refers to; empty for all
	At           time.Time // the versions valid then; zero for all
}

// Origin is where a value of the tree comes from.
func (e *Effective) Origin(value *strict.Node) Origin { return e.origins[value] }

// String is file:line and what brought the value, as a comment would say it.
func (o Origin) String() string {
	at := fmt.Sprintf("%s:%d", o.File, o.Line)
	switch o.Layer {
	case FromDefault:
		return "default"
	case FromTemplate:
		return at + ", template " + o.Template
	case FromNext:
		return at + ", where the next version begins"
	default:
		return at
	}
}

// Lines are the configuration as YAML, a line with all values of one origin.
func (e *Effective) Lines() []strict.Line {
	return strict.Print(e.root, func(a, b *strict.Node) bool {
		x, y := e.origins[a], e.origins[b]
		x.Column, y.Column = 0, 0
		return x == y
	})
}

// MarshalJSON is the configuration as JSON would hold it, and the origins by
// path.
func (e *Effective) MarshalJSON() ([]byte, error) {
	origins := map[string]Origin{}
	e.paths(e.root, "", origins)
	return json.Marshal(struct {
		Revision string            `json:"revision"`
		Programs any               `json:"programs"`
		Origins  map[string]Origin `json:"origins"`
		Inactive []string          `json:"inactive,omitempty"`
	}{e.Revision, plainValue(e.root), origins, e.Inactive})
}

func (e *Effective) paths(n *strict.Node, path string, into map[string]Origin) {
	if origin, ok := e.origins[n]; ok {
		into[path] = origin
	}
	for i := range n.Pairs {
		e.paths(n.Pairs[i].Value, strings.TrimPrefix(path+"."+n.Pairs[i].Key, "."), into)
	}
	for i, item := range n.Items {
		name := strict.ItemName(item, i)
		if from := item.Get("valid_from"); from != nil && strings.HasSuffix(path, ".versions") {
			name = "[" + from.Text + "]"
		}
		e.paths(item, path+name, into)
	}
}

// plainValue is a tree as encoding/json writes it.
func plainValue(n *strict.Node) any {
	switch n.Kind {
	case strict.Map:
		out := make(map[string]any, len(n.Pairs))
		for _, p := range n.Pairs {
			out[p.Key] = plainValue(p.Value)
		}
		return out
	case strict.List:
		out := make([]any, len(n.Items))
		for i, item := range n.Items {
			out[i] = plainValue(item)
		}
		return out
	case strict.Int, strict.Float:
		if number := strings.ReplaceAll(n.Text, "_", ""); json.Valid([]byte(number)) {
			return json.Number(number)
		}
	case strict.Bool:
		if is, err := strconv.ParseBool(n.Text); err == nil {
			return is
		}
	}
	return n.Text
}
