package access

import (
	"encoding/xml"
	"maps"
	"regexp"
	"slices"
)

// element is one of an XML document: with a text, or with others in it.
type element struct {
	name string
	text string
	in   []element
}

// elementName is what can be the name of an element, and means nothing else to
// ClickHouse: it would take a dot for a way into the element.
var elementName = regexp.MustCompile(`^[A-Za-z_][A-Za-z0-9_-]*$`)

func (e element) MarshalXML(out *xml.Encoder, _ xml.StartElement) error {
	start := xml.StartElement{Name: xml.Name{Local: e.name}}
	if err := out.EncodeToken(start); err != nil {
		return err
	}
	if e.text != "" {
		if err := out.EncodeToken(xml.CharData(e.text)); err != nil {
			return err
		}
	}
	for _, inner := range e.in {
		if err := inner.MarshalXML(out, xml.StartElement{}); err != nil {
			return err
		}
	}
	return out.EncodeToken(start.End())
}

func node(name string, in ...element) element { return element{name: name, in: in} }

func leaf(name, text string) element { return element{name: name, text: text} }

// inOrder are the elements made of a map, in the order of its keys.
func inOrder[V any](m map[string]V, make func(name string, v V) element) []element {
	out := []element{}
	for _, name := range slices.Sorted(maps.Keys(m)) {
		out = append(out, make(name, m[name]))
	}
	return out
}
