package event

import (
	"math"
	"strconv"
)

// id reads a string of at most MaxIDBytes; null and the empty string leave it
// absent.
func (r *reader) id(bit uint32, key []byte, to *string) { r.string(bit, key, to, MaxIDBytes) }

// string reads a string of at most max bytes; null and the empty string leave it
// absent.
func (r *reader) string(bit uint32, key []byte, to *string, max int) {
	if !r.unique(&r.fields, bit, key) {
		return
	}
	if r.peek() == '"' {
		*to = r.text()
		if len(*to) > max {
			r.tooLong(viewOf(key), len(*to), max)
		}
		return
	}
	if !r.null() {
		r.fields.settled |= bit
		r.wrongType(viewOf(key), "a string")
	}
}

func (r *reader) tooLong(name string, size, max int) {
	r.add("%s has %d bytes, %d are allowed", name, size, max)
}

// require adds a problem when a required string is absent or empty.
func (r *reader) require(bit uint32, value, name string) {
	if value == "" && r.fields.settled&bit == 0 {
		r.missing(name)
	}
}

// integer reads an int64 without fraction or exponent (§9 (44)); given is false
// for null.
func (r *reader) integer(bit uint32, key []byte, to *int64) (given bool) {
	if !r.unique(&r.fields, bit, key) || r.null() {
		return false
	}
	r.fields.settled |= bit
	n, ok := r.wholeNumber(key)
	if ok {
		*to = n
	}
	return ok
}

// requireNumbers adds a problem when one of the numbers is absent.
func (r *reader) requireNumbers(bits uint32) {
	if r.fields.settled&bits != bits {
		r.add("a number is missing")
	}
}

// partition reads the number of a partition.
func (r *reader) partition(bit uint32, key []byte, to *int) {
	var n int64
	if !r.integer(bit, key, &n) {
		return
	}
	if n < 0 || n > math.MaxInt32 {
		r.add("%s is no partition: %d", key, n)
		return
	}
	*to = int(n)
}

// wholeNumber reads one int64 at the cursor.
func (r *reader) wholeNumber(key []byte) (n int64, ok bool) {
	if c := r.peek(); c != '-' && (c < '0' || c > '9') {
		r.wrongType(viewOf(key), "an integer")
		return 0, false
	}
	text, whole := r.number()
	n, err := strconv.ParseInt(viewOf(text), 10, 64)
	if !whole || err != nil {
		if r.fault == "" {
			r.add("%s is not an integer of 64 bits: %s", key, shorten(string(text), 40))
		}
		return 0, false
	}
	return n, true
}

// bool reads true or false; given is false for null.
func (r *reader) bool(bit uint32, key []byte, to *bool) (given bool) {
	if !r.unique(&r.fields, bit, key) || r.null() {
		return false
	}
	c := r.peek()
	if c != 't' && c != 'f' {
		r.wrongType(viewOf(key), "a bool")
		return false
	}
	*to = c == 't'
	r.skip()
	return true
}

// integers reads an array of int64.
func (r *reader) integers(bit uint32, key []byte, to *[]int64) {
	if !r.unique(&r.fields, bit, key) || r.null() {
		return
	}
	if r.peek() != '[' {
		r.wrongType(viewOf(key), "an array of integers")
		return
	}
	r.i++
	for first := true; r.element(first); first = false {
		if n, ok := r.wholeNumber(key); ok {
			*to = append(*to, n)
		}
	}
}

// pairs reads a flat map of strings; null values are absent.
func (r *reader) pairs(bit uint32, key []byte, to *[]Pair) {
	if !r.unique(&r.fields, bit, key) || r.null() {
		return
	}
	if r.peek() != '{' {
		r.wrongType(viewOf(key), "a flat map of strings")
		return
	}
	r.i++
	name := viewOf(key)
	var names distinct
	for key, ok := r.member(true); ok; key, ok = r.member(false) {
		k := viewOf(key)
		if !names.add(k) {
			r.add("%s.%s is given twice", name, k)
		}
		if r.null() {
			continue
		}
		if r.peek() != '"' {
			r.wrongType(name+"."+k, "a string")
			continue
		}
		*to = append(*to, Pair{Key: k, Value: r.text()})
	}
}

// strings reads an array of strings of 1 to MaxIDBytes bytes, each kept once.
func (r *reader) strings(bit uint32, key []byte, to *[]string) {
	if !r.unique(&r.fields, bit, key) || r.null() {
		return
	}
	if r.peek() != '[' {
		r.wrongType(viewOf(key), "an array of strings")
		return
	}
	r.i++
	name := viewOf(key)
	var items distinct
	for first := true; r.element(first); first = false {
		if r.peek() != '"' {
			r.wrongType("an element of "+name, "a string")
			continue
		}
		switch s := r.text(); {
		case r.fault != "":
		case s == "":
			r.add("an element of %s is empty", name)
		case len(s) > MaxIDBytes:
			r.tooLong("an element of "+name, len(s), MaxIDBytes)
		case items.add(s):
			*to = append(*to, s)
		}
	}
}

// attributeMap reads a map of strings, numbers and bools; null values are absent.
func (r *reader) attributeMap(bit uint32, key []byte, to *[]Attribute) {
	if !r.unique(&r.fields, bit, key) || r.null() {
		return
	}
	if r.peek() != '{' {
		r.wrongType(viewOf(key), "a map of string, number or bool")
		return
	}
	r.i++
	name := viewOf(key)
	var names distinct
	for key, ok := r.member(true); ok; key, ok = r.member(false) {
		k := viewOf(key)
		if !names.add(k) {
			r.add("%s.%s is given twice", name, k)
		}
		if a, ok := r.attributeValue(k, name); ok {
			*to = append(*to, a)
		}
	}
}

func (r *reader) attributeValue(key, name string) (a Attribute, ok bool) {
	a.Key = key
	switch c := r.peek(); {
	case c == '"':
		a.Kind, a.String = 's', r.text()
	case c == 't' || c == 'f':
		a.Kind, a.Bool = 'b', c == 't'
		r.skip()
	case c == 'n':
		r.skip()
		return a, false
	case c == '-' || c >= '0' && c <= '9':
		text, _ := r.number()
		n, err := strconv.ParseFloat(viewOf(text), 64)
		if err != nil && r.fault == "" {
			r.add("%s.%s is not a number of 64 bits", name, key)
			return a, false
		}
		a.Kind, a.Number = 'n', n
	default:
		r.wrongType(name+"."+key, "a string, a number or a bool")
		return a, false
	}
	return a, r.fault == ""
}

// wrongType skips the value and complains of its type.
func (r *reader) wrongType(name, want string) {
	r.skip()
	if r.fault == "" {
		r.add("%s is not %s", name, want)
	}
}

// distinct finds names that came before, without a map while they are few.
type distinct struct {
	few  [8]string
	many map[string]struct{}
	n    int
}

// add remembers a name and tells whether it is new.
func (d *distinct) add(s string) bool {
	if d.many == nil {
		for _, t := range d.few[:d.n] {
			if t == s {
				return false
			}
		}
		if d.n < len(d.few) {
			d.few[d.n] = s
			d.n++
			return true
		}
		d.many = make(map[string]struct{}, 4*len(d.few))
		for _, t := range d.few {
			d.many[t] = struct{}{}
		}
	}
	if _, ok := d.many[s]; ok {
		return false
	}
	d.many[s] = struct{}{}
	return true
}
