package event

import "strconv"

// What is handed on of an update may be nearly as large as the largest event.
// Its strings and numbers are written about as short as they came, so that the
// record fits its topic: encoding/json would double what it escapes for
// JavaScript, and writes out the noughts of large numbers.

// exactStrings is a list of strings.
type exactStrings []string

// MarshalJSON writes an array, in the order given.
func (l exactStrings) MarshalJSON() ([]byte, error) {
	b := []byte{'['}
	for i, s := range l {
		if i > 0 {
			b = append(b, ',')
		}
		b = appendExact(b, s)
	}
	return append(b, ']'), nil
}

// exactMap is a map of string, number or bool, with distinct keys.
type exactMap []Attribute

// MarshalJSON writes an object, its members in the order given.
func (m exactMap) MarshalJSON() ([]byte, error) {
	b := []byte{'{'}
	for i := range m {
		if i > 0 {
			b = append(b, ',')
		}
		b = append(appendExact(b, m[i].Key), ':')
		switch m[i].Kind {
		case 's':
			b = appendExact(b, m[i].String)
		case 'n':
			b = strconv.AppendFloat(b, m[i].Number, 'g', -1, 64)
		default:
			b = strconv.AppendBool(b, m[i].Bool)
		}
	}
	return append(b, '}'), nil
}

// appendExact writes a string of valid UTF-8, escaping what must be.
func appendExact(b []byte, s string) []byte {
	const hex = "0123456789abcdef"
	b = append(b, '"')
	for i := range len(s) {
		switch c := s[i]; {
		case c == '"' || c == '\\':
			b = append(b, '\\', c)
		case c == '\n':
			b = append(b, '\\', 'n')
		case c == '\r':
			b = append(b, '\\', 'r')
		case c == '\t':
			b = append(b, '\\', 't')
		case c == '\b':
			b = append(b, '\\', 'b')
		case c == '\f':
			b = append(b, '\\', 'f')
		case c < ' ':
			b = append(b, '\\', 'u', '0', '0', hex[c>>4], hex[c&15])
		default:
			b = append(b, c)
		}
	}
	return append(b, '"')
}
