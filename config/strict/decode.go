package strict

import (
	"encoding"
	"fmt"
	"math"
	"reflect"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"
)

// Decoder turns nodes into Go values.
type Decoder struct {
	// Enums are the values that a type takes; text of these types is checked.
	Enums map[reflect.Type][]string
	// Partial leaves out what concerns completeness: nothing is required and
	// lists may be empty. Templates are decoded so.
	Partial bool
	// PartialTypes are decoded as Partial says, with all that is in them.
	PartialTypes map[reflect.Type]bool
	// RawTypes are not decoded but only placed: their node is read later.
	RawTypes map[reflect.Type]bool
	// Problems receives every fault.
	Problems *Problems
}

// Number is implemented by text types that may also be written as a bare
// number, such as a rate.
type Number interface{ AcceptsNumber() }

// Concealed is implemented by text types that no problem may repeat, such as a
// password.
type Concealed interface{ Conceal() }

// Decode fills dst, a pointer, from a node; path names the node in messages.
// Keys that are absent or null leave dst as it is, so defaults can be set first.
func (d *Decoder) Decode(n *Node, path string, dst any) {
	d.value(n, path, reflect.ValueOf(dst).Elem(), constraints{})
}

func (d *Decoder) value(n *Node, path string, v reflect.Value, c constraints) {
	if n == nil || n.Kind == Null || d.Problems.Full() {
		return
	}
	if v.Kind() == reflect.Pointer {
		fresh := reflect.New(v.Type().Elem())
		before := d.Problems.added
		d.value(n, path, fresh.Elem(), c)
		if d.Problems.added == before || fresh.Elem().Kind() == reflect.Struct {
			v.Set(fresh)
		}
		return
	}
	if t, ok := v.Addr().Interface().(encoding.TextUnmarshaler); ok {
		d.text(n, path, t)
		return
	}
	if v.Type() == reflect.TypeFor[time.Duration]() {
		d.duration(n, path, v)
		return
	}
	switch v.Kind() {
	case reflect.Struct:
		d.structure(n, path, v)
	case reflect.Slice:
		d.list(n, path, v, c)
	case reflect.Map:
		d.mapping(n, path, v, c)
	case reflect.String:
		d.str(n, path, v, c)
	case reflect.Bool:
		d.boolean(n, path, v)
	case reflect.Int, reflect.Int64:
		d.integer(n, path, v, c)
	case reflect.Float64:
		d.float(n, path, v, c)
	default:
		d.Problems.Add(n.Pos, path, "cannot be set")
	}
}

func (d *Decoder) wrong(n *Node, path, want string) {
	got := n.Kind.String()
	if n.Kind < List || n.Kind == Loose {
		got = fmt.Sprintf("%q", n.Text)
	}
	d.Problems.Add(n.Pos, path, "must be %s, not %s", want, got)
}

// wrongKind is wrong for a value that may hold what is concealed.
func (d *Decoder) wrongKind(n *Node, path, want string, of reflect.Type) {
	for of.Kind() == reflect.Slice || of.Kind() == reflect.Map {
		of = of.Elem()
	}
	if reflect.PointerTo(of).Implements(reflect.TypeFor[Concealed]()) {
		d.Problems.Add(n.Pos, path, "must be %s, not %s", want, n.Kind)
		return
	}
	d.wrong(n, path, want)
}

func (d *Decoder) text(n *Node, path string, t encoding.TextUnmarshaler) {
	_, number := t.(Number)
	switch {
	case n.Kind == String, n.Kind == Loose, number && (n.Kind == Int || n.Kind == Float):
		if err := t.UnmarshalText([]byte(n.Text)); err != nil {
			d.Problems.Add(n.Pos, path, "%v", err)
		}
	case n.Kind == List || n.Kind == Map:
		d.wrong(n, path, "a text")
	default:
		d.Problems.Add(n.Pos, path, "must be a text: put %s in quotes", n.Text)
	}
}

// maxDuration keeps a time and a duration behind it within what the books can
// hold, and their sums within 64 bits.
const maxDuration = 876_600 * time.Hour

func (d *Decoder) duration(n *Node, path string, v reflect.Value) {
	if n.Kind == List || n.Kind == Map {
		d.wrong(n, path, "a duration such as 720h")
		return
	}
	span, err := time.ParseDuration(n.Text)
	switch {
	case err != nil:
		d.Problems.Add(n.Pos, path, "is not a duration: %q; write hours, minutes or seconds, such as 720h or 90m%s", n.Text, inHours(n.Text))
	case span < 0:
		d.Problems.Add(n.Pos, path, "must not be negative: %s", n.Text)
	case span > maxDuration:
		d.Problems.Add(n.Pos, path, "must be at most %dh, a hundred years: %s", maxDuration/time.Hour, n.Text)
	default:
		v.SetInt(int64(span))
	}
}

// inHours helps who wrote days.
func inHours(text string) string {
	digits, isDays := strings.CutSuffix(text, "d")
	days, err := strconv.Atoi(digits)
	if !isDays || err != nil || days < 0 || days > 100_000 {
		return ""
	}
	return fmt.Sprintf(" (%dd is %dh)", days, days*24)
}

func (d *Decoder) structure(n *Node, path string, v reflect.Value) {
	if n.Kind != Map {
		d.wrong(n, path, "a map")
		return
	}
	s := shapeOf(v.Type())
	if s.placed {
		v.Addr().Interface().(placed).place(n)
	}
	if d.RawTypes[v.Type()] {
		return
	}
	if d.PartialTypes[v.Type()] && !d.Partial {
		partial := *d
		partial.Partial = true
		d = &partial
	}
	for i := range n.Pairs {
		p := &n.Pairs[i]
		at, known := s.byKey[p.Key]
		if !known {
			d.unknown(p, path, s.keys)
			continue
		}
		f := &s.fields[at]
		d.value(p.Value, join(path, p.Key), v.FieldByIndex(f.index), f.rules)
	}
	if d.Partial {
		return
	}
	for i := range s.fields {
		f := &s.fields[i]
		if value := n.Get(f.key); f.rules.required && (value == nil || value.Kind == Null) {
			d.Problems.Add(n.Pos, path, "lacks the key %q", f.key)
		}
	}
}

func (d *Decoder) unknown(p *Pair, path string, keys []string) {
	if near := Nearest(p.Key, keys); near != "" {
		d.Problems.Add(p.Pos, path, "unknown key %q; did you mean %q?", p.Key, near)
		return
	}
	sorted := slices.Sorted(slices.Values(keys))
	d.Problems.Add(p.Pos, path, "unknown key %q; known here: %s", p.Key, strings.Join(sorted, ", "))
}

func (d *Decoder) list(n *Node, path string, v reflect.Value, c constraints) {
	if n.Kind == Loose {
		n = splitList(n)
	}
	if n.Kind != List {
		d.wrongKind(n, path, "a list", v.Type())
		return
	}
	if len(n.Items) < c.minItems && !d.Partial {
		d.Problems.Add(n.Pos, path, "must not be empty")
	}
	if c.maxItems > 0 && len(n.Items) > c.maxItems {
		d.Problems.Add(n.Pos, path, "has %d items; at most %d", len(n.Items), c.maxItems)
		return
	}
	out := reflect.MakeSlice(v.Type(), len(n.Items), len(n.Items))
	for i, item := range n.Items {
		name := path + ItemName(item, i)
		if item.Kind == Null {
			d.Problems.Add(item.Pos, name, "is empty")
			continue
		}
		d.value(item, name, out.Index(i), constraints{nonEmpty: true})
	}
	v.Set(out)
}

func splitList(n *Node) *Node {
	out := &Node{Pos: n.Pos, Kind: List}
	for part := range strings.SplitSeq(n.Text, ",") {
		if part = strings.TrimSpace(part); part != "" {
			out.Items = append(out.Items, &Node{Pos: n.Pos, Kind: Loose, Text: part})
		}
	}
	return out
}

// splitMap reads a map of lists out of `key=value,key=value`; a key that stands
// there again has a further value. It is nil when a part is no pair.
func splitMap(n *Node) *Node {
	out := &Node{Pos: n.Pos, Kind: Map}
	for part := range strings.SplitSeq(n.Text, ",") {
		if part = strings.TrimSpace(part); part == "" {
			continue
		}
		key, value, found := strings.Cut(part, "=")
		if !found || key == "" || value == "" {
			return nil
		}
		list := out.Get(key)
		if list == nil {
			list = &Node{Pos: n.Pos, Kind: List}
			out.Pairs = append(out.Pairs, Pair{key, n.Pos, list})
		}
		list.Items = append(list.Items, &Node{Pos: n.Pos, Kind: Loose, Text: value})
	}
	return out
}

// single makes a map of values out of a map of lists. It is nil when a list has more
// than one.
func single(n *Node) *Node {
	for i := range n.Pairs {
		list := n.Pairs[i].Value
		if len(list.Items) != 1 {
			return nil
		}
		n.Pairs[i].Value = list.Items[0]
	}
	return n
}

func (d *Decoder) mapping(n *Node, path string, v reflect.Value, c constraints) {
	if n.Kind == Loose {
		pairs := splitMap(n)
		if pairs != nil && v.Type().Elem().Kind() != reflect.Slice {
			pairs = single(pairs)
		}
		if pairs == nil {
			d.Problems.Add(n.Pos, path, "must be key=value, separated by commas")
			return
		}
		n = pairs
	}
	if n.Kind != Map {
		d.wrongKind(n, path, "a map", v.Type())
		return
	}
	if len(n.Pairs) < c.minProps && !d.Partial {
		d.Problems.Add(n.Pos, path, "must not be empty")
	}
	out := reflect.MakeMapWithSize(v.Type(), len(n.Pairs))
	for i := range n.Pairs {
		p := &n.Pairs[i]
		key := reflect.New(v.Type().Key()).Elem()
		d.value(&Node{Pos: p.Pos, Kind: String, Text: p.Key}, path, key, constraints{nonEmpty: true})
		if p.Value.Kind == Null {
			continue
		}
		value := reflect.New(v.Type().Elem()).Elem()
		d.value(p.Value, join(path, p.Key), value, c.ofValues())
		out.SetMapIndex(key, value)
	}
	v.Set(out)
}

// ofValues are the constraints that a map passes on to its values.
func (c constraints) ofValues() constraints {
	return constraints{minimum: c.minimum, maximum: c.maximum, maxLength: c.maxLength, nonEmpty: true}
}

func (d *Decoder) str(n *Node, path string, v reflect.Value, c constraints) {
	if n.Kind != String && n.Kind != Loose {
		if n.Kind == List || n.Kind == Map {
			d.wrong(n, path, "a text")
		} else {
			d.Problems.Add(n.Pos, path, "must be a text: put %s in quotes", n.Text)
		}
		return
	}
	if n.Text == "" && c.nonEmpty {
		d.Problems.Add(n.Pos, path, "must not be empty")
		return
	}
	if c.maxLength > 0 && utf8.RuneCountInString(n.Text) > c.maxLength {
		d.Problems.Add(n.Pos, path, "is longer than %d characters", c.maxLength)
		return
	}
	if words, ok := d.Enums[v.Type()]; ok && !slices.Contains(words, n.Text) {
		hint := ""
		if near := Nearest(n.Text, words); near != "" {
			hint = fmt.Sprintf("; did you mean %q?", near)
		}
		d.Problems.Add(n.Pos, path, "must be one of %s, not %q%s", strings.Join(words, ", "), n.Text, hint)
		return
	}
	v.SetString(n.Text)
}

func (d *Decoder) boolean(n *Node, path string, v reflect.Value) {
	if n.Kind == Bool || n.Kind == Loose {
		if b, err := strconv.ParseBool(strings.ToLower(n.Text)); err == nil {
			v.SetBool(b)
			return
		}
	}
	d.wrong(n, path, "true or false")
}

// wholeNumber leaves out octal, hexadecimal and the like: 010 is nobody's eight.
var wholeNumber = regexp.MustCompile(`^-?(0|[1-9][0-9]*(_[0-9]+)*)$`)

func (d *Decoder) integer(n *Node, path string, v reflect.Value, c constraints) {
	if n.Kind != Int && n.Kind != Loose || !wholeNumber.MatchString(n.Text) {
		d.wrong(n, path, "a whole number")
		return
	}
	i, err := strconv.ParseInt(strings.ReplaceAll(n.Text, "_", ""), 10, 64)
	if err != nil {
		d.Problems.Add(n.Pos, path, "%s is too large: at most %d", n.Text, int64(math.MaxInt64))
		return
	}
	d.within(n, path, float64(i), c)
	v.SetInt(i)
}

func (d *Decoder) float(n *Node, path string, v reflect.Value, c constraints) {
	f, err := strconv.ParseFloat(n.Text, 64)
	if n.Kind != Int && n.Kind != Float && n.Kind != Loose || err != nil || math.IsNaN(f) || math.IsInf(f, 0) {
		d.wrong(n, path, "a number")
		return
	}
	d.within(n, path, f, c)
	v.SetFloat(f)
}

func (d *Decoder) within(n *Node, path string, f float64, c constraints) {
	if c.minimum != nil && f < float64(*c.minimum) {
		d.Problems.Add(n.Pos, path, "must be at least %d, not %s", *c.minimum, n.Text)
	}
	if c.maximum != nil && f > float64(*c.maximum) {
		d.Problems.Add(n.Pos, path, "must be at most %d, not %s", *c.maximum, n.Text)
	}
}

func join(path, key string) string {
	if path == "" {
		return key
	}
	return path + "." + key
}

// ItemName names an item of a list by its id where it has one, as a reader
// would, or else by its place: [gold] or [2].
func ItemName(item *Node, i int) string {
	if id := item.id(); id != "" {
		return "[" + id + "]"
	}
	return "[" + strconv.Itoa(i) + "]"
}
