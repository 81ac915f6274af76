package strict

import (
	"reflect"
	"strconv"
	"strings"
	"sync"
)

// shape is what a struct type asks of a map, read once from its tags: `json`
// names the key, `jsonschema` holds the constraints, the very ones that the
// JSON Schema is made from.
type shape struct {
	fields []field
	byKey  map[string]int
	keys   []string
	placed bool
}

type field struct {
	key   string
	index []int
	rules constraints
}

type constraints struct {
	required           bool
	minimum, maximum   *int64
	minItems, maxItems int
	minProps           int
	maxLength          int // of a text, in characters
	nonEmpty           bool
}

var shapes sync.Map // reflect.Type -> *shape

func shapeOf(t reflect.Type) *shape {
	if s, ok := shapes.Load(t); ok {
		return s.(*shape)
	}
	s := &shape{byKey: map[string]int{}}
	s.collect(t, nil)
	s.placed = reflect.PointerTo(t).Implements(reflect.TypeFor[placed]())
	shapes.Store(t, s)
	return s
}

func (s *shape) collect(t reflect.Type, prefix []int) {
	for i := range t.NumField() {
		f := t.Field(i)
		index := append(append([]int(nil), prefix...), i)
		if f.Anonymous && f.Type.Kind() == reflect.Struct {
			if f.Type != reflect.TypeFor[At]() {
				s.collect(f.Type, index)
			}
			continue
		}
		key, _, _ := strings.Cut(f.Tag.Get("json"), ",")
		if !f.IsExported() || key == "" || key == "-" {
			continue
		}
		s.byKey[key] = len(s.fields)
		s.keys = append(s.keys, key)
		s.fields = append(s.fields, field{key, index, constraintsOf(f.Tag.Get("jsonschema"))})
	}
}

func constraintsOf(tag string) (c constraints) {
	for part := range strings.SplitSeq(tag, ",") {
		name, value, _ := strings.Cut(part, "=")
		number, _ := strconv.ParseInt(value, 10, 64)
		switch name {
		case "required":
			c.required = true
		case "minimum":
			c.minimum = &number
		case "maximum":
			c.maximum = &number
		case "minItems":
			c.minItems = int(number)
		case "maxItems":
			c.maxItems = int(number)
		case "maxLength":
			c.maxLength = int(number)
		case "minProperties":
			c.minProps = int(number)
		case "minLength":
			c.nonEmpty = number > 0
		}
	}
	return c
}
