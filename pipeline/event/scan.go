package event

import (
	"encoding/binary"
	"fmt"
	"math/bits"
	"unicode/utf8"
	"unsafe"
)

// maxDepth bounds how deeply values may nest, also where nobody reads them.
const maxDepth = 512

// scan walks over one JSON text in a single pass and copies nothing. It takes
// what RFC 8259 calls JSON, in valid UTF-8, and nothing else. The first fault
// ends the walk: every later step finds the end of the text.
type scan struct {
	b     []byte
	i     int
	fault string // why the text is not JSON; empty while it is
	at    int    // where
}

// stop records the first fault and moves to the end.
func (s *scan) stop(why string) {
	if s.fault == "" {
		s.fault, s.at = why, s.i
	}
	s.i = len(s.b)
}

// peek skips white space and returns the next byte, 0 at the end.
func (s *scan) peek() byte {
	for s.i < len(s.b) {
		c := s.b[s.i]
		if c > ' ' {
			return c
		}
		if c != ' ' && c != '\n' && c != '\t' && c != '\r' {
			s.stop("control character")
			return 0
		}
		s.i++
	}
	return 0
}

// open enters an object or array; false with a fault when it is none.
func (s *scan) open(bracket byte) bool {
	if s.peek() != bracket {
		s.stop(fmt.Sprintf("%q expected", bracket))
		return false
	}
	s.i++
	return true
}

// member goes to the next member of an object and returns its key, standing at
// its value; false at the end of the object or at a fault.
func (s *scan) member(first bool) (key []byte, ok bool) {
	c := s.peek()
	if c == '}' {
		s.i++
		return nil, false
	}
	if !first {
		if c != ',' {
			s.stop("',' or '}' expected")
			return nil, false
		}
		s.i++
		c = s.peek()
	}
	if c != '"' {
		s.stop("a key expected")
		return nil, false
	}
	key, escaped := s.quoted()
	if escaped {
		key = s.unescape(key)
	}
	if s.peek() != ':' {
		s.stop("':' expected")
		return nil, false
	}
	s.i++
	return key, s.fault == ""
}

// element goes to the next element of an array; false at its end or at a fault.
func (s *scan) element(first bool) bool {
	c := s.peek()
	if c == ']' {
		s.i++
		return false
	}
	if !first {
		if c != ',' {
			s.stop("',' or ']' expected")
			return false
		}
		s.i++
		if s.peek() == ']' {
			s.stop("a value expected")
			return false
		}
	}
	return s.fault == ""
}

const (
	everyByte = 0x0101010101010101
	highBits  = 0x80 * everyByte
)

// quoted reads the string at the cursor and returns what stands between its
// quotes, as it stands there: valid UTF-8, escapes not yet resolved.
func (s *scan) quoted() (text []byte, escaped bool) {
	b, start := s.b, s.i+1
	i, high := start, uint64(0)
	for {
		// Eight bytes at a time, up to the first quote, backslash or control
		// character: the lowest bit set is its own, and what lies above is no
		// matter; a byte beyond 0x7f never sets one, and is remembered.
		for i+8 <= len(b) {
			w := binary.LittleEndian.Uint64(b[i:])
			quote, slash := w^('"'*everyByte), w^('\\'*everyByte)
			end := ((quote-everyByte)&^quote | (slash-everyByte)&^slash | (w-0x20*everyByte)&^w) & highBits
			if end == 0 {
				high |= w & highBits
				i += 8
				continue
			}
			high |= w & highBits & (end&-end - 1)
			i += bits.TrailingZeros64(end) >> 3
			break
		}
		if i >= len(b) {
			s.stop("unterminated string")
			return nil, false
		}
		switch c := b[i]; {
		case c == '"':
			text, s.i = b[start:i], i+1
			if high != 0 && !utf8.Valid(text) {
				s.i = start
				s.stop("invalid UTF-8")
				return nil, false
			}
			return text, escaped
		case c == '\\':
			escaped = true
			i += 2
		case c < ' ':
			s.i = i
			s.stop("control character in a string")
			return nil, false
		default:
			high |= uint64(c) & utf8.RuneSelf
			i++
		}
	}
}

// unescape resolves escapes into bytes of its own; a fault when one is wrong or
// half of a surrogate pair.
func (s *scan) unescape(text []byte) []byte {
	out := make([]byte, 0, len(text))
	for i := 0; i < len(text); {
		if text[i] != '\\' {
			out = append(out, text[i])
			i++
			continue
		}
		r, size := escape(text[i:])
		if size == 0 {
			s.stop("invalid escape in a string")
			return nil
		}
		out = utf8.AppendRune(out, r)
		i += size
	}
	return out
}

// escape reads one escape sequence; size 0 when it is not one.
func escape(b []byte) (r rune, size int) {
	if len(b) < 2 {
		return 0, 0
	}
	switch b[1] {
	case '"', '\\', '/':
		return rune(b[1]), 2
	case 'b':
		return '\b', 2
	case 'f':
		return '\f', 2
	case 'n':
		return '\n', 2
	case 'r':
		return '\r', 2
	case 't':
		return '\t', 2
	case 'u':
		return escapedRune(b)
	}
	return 0, 0
}

// escapedRune reads \uXXXX, or two of them that are a surrogate pair.
func escapedRune(b []byte) (r rune, size int) {
	r, ok := hex4(b)
	if !ok {
		return 0, 0
	}
	switch {
	case r < 0xd800 || r > 0xdfff:
		return r, 6
	case r >= 0xdc00 || len(b) < 12 || b[6] != '\\' || b[7] != 'u':
		return 0, 0
	}
	low, ok := hex4(b[6:])
	if !ok || low < 0xdc00 || low > 0xdfff {
		return 0, 0
	}
	return 0x10000 + (r-0xd800)<<10 + (low - 0xdc00), 12
}

func hex4(b []byte) (r rune, ok bool) {
	if len(b) < 6 {
		return 0, false
	}
	for _, c := range b[2:6] {
		switch {
		case c >= '0' && c <= '9':
			c -= '0'
		case c >= 'a' && c <= 'f':
			c -= 'a' - 10
		case c >= 'A' && c <= 'F':
			c -= 'A' - 10
		default:
			return 0, false
		}
		r = r<<4 | rune(c)
	}
	return r, true
}

// text reads the string at the cursor.
func (s *scan) text() string {
	t, escaped := s.quoted()
	if escaped {
		t = s.unescape(t)
	}
	return viewOf(t)
}

// viewOf is the bytes as a string, without a copy: nobody may write them.
func viewOf(b []byte) string { return unsafe.String(unsafe.SliceData(b), len(b)) }

// number reads the number at the cursor and returns its text; whole says that
// it has neither fraction nor exponent.
func (s *scan) number() (text []byte, whole bool) {
	start := s.i
	if s.b[s.i] == '-' {
		s.i++
	}
	switch {
	case s.digit() && s.b[s.i] == '0':
		s.i++
	case !s.digits():
		s.stop("a digit expected")
		return nil, false
	}
	whole = true
	if s.i < len(s.b) && s.b[s.i] == '.' {
		whole = false
		s.i++
		if !s.digits() {
			s.stop("a digit expected")
			return nil, false
		}
	}
	if s.i < len(s.b) && s.b[s.i]|0x20 == 'e' {
		whole = false
		s.i++
		if s.i < len(s.b) && (s.b[s.i] == '+' || s.b[s.i] == '-') {
			s.i++
		}
		if !s.digits() {
			s.stop("a digit expected")
			return nil, false
		}
	}
	return s.b[start:s.i], whole
}

func (s *scan) digit() bool { return s.i < len(s.b) && s.b[s.i]-'0' < 10 }

// digits skips digits and tells whether there was one.
func (s *scan) digits() bool {
	start := s.i
	for s.digit() {
		s.i++
	}
	return s.i > start
}

// literal reads true, false or null, whichever is asked for.
func (s *scan) literal(word string) bool {
	if len(s.b)-s.i < len(word) || string(s.b[s.i:s.i+len(word)]) != word {
		s.stop("a value expected")
		return false
	}
	s.i += len(word)
	return true
}

// null reads a null if there is one.
func (s *scan) null() bool { return s.peek() == 'n' && s.literal("null") }

// skip reads over one value of any kind, checking it.
func (s *scan) skip() {
	if s.peek() == '"' {
		if t, escaped := s.quoted(); escaped {
			s.unescape(t)
		}
		return
	}
	s.skipNested()
}

func (s *scan) skipNested() {
	var nest nesting
	for {
		if !s.skipOne(&nest) {
			return
		}
		for nest.depth > 0 && s.fault == "" {
			var more bool
			if nest.inObject() {
				_, more = s.member(nest.first)
			} else {
				more = s.element(nest.first)
			}
			nest.first = false
			if more {
				break
			}
			nest.leave()
		}
		if nest.depth == 0 || s.fault != "" {
			return
		}
	}
}

// skipOne reads a scalar, or enters an object or array.
func (s *scan) skipOne(nest *nesting) bool {
	switch c := s.peek(); c {
	case '"':
		if t, escaped := s.quoted(); escaped {
			s.unescape(t)
		}
	case '{', '[':
		s.i++
		if !nest.enter(c == '{') {
			s.stop("nested too deeply")
		}
	case 't':
		s.literal("true")
	case 'f':
		s.literal("false")
	case 'n':
		s.literal("null")
	default:
		if c != '-' && (c < '0' || c > '9') {
			s.stop("a value expected")
			return false
		}
		s.number()
	}
	return s.fault == ""
}

// nesting remembers of each open bracket whether it is an object's.
type nesting struct {
	objects [maxDepth / 64]uint64
	depth   int
	first   bool // no member or element of the innermost one has been read
}

func (n *nesting) enter(object bool) bool {
	if n.depth == maxDepth {
		return false
	}
	word, bit := n.depth/64, uint64(1)<<(n.depth%64)
	n.objects[word] &^= bit
	if object {
		n.objects[word] |= bit
	}
	n.depth++
	n.first = true
	return true
}

func (n *nesting) leave() { n.depth-- }

func (n *nesting) inObject() bool {
	d := n.depth - 1
	return n.objects[d/64]>>(d%64)&1 == 1
}

// end checks that nothing follows the value.
func (s *scan) end() {
	if s.fault == "" && s.peek() != 0 {
		s.stop("more after the value")
	}
}
