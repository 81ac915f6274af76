package judge

import (
	"encoding/json"
	"errors"
	"strconv"
	"unicode/utf8"

	"github.com/go-faster/jx"
)

// value is a JSON value as it stands in the text, without space around it.
type value []byte

// errText is text that is no JSON, or none that two readers read alike.
var errText = errors.New("not JSON in UTF-8")

// wellFormed tells whether text is JSON: valid UTF-8, whole surrogate pairs, nested
// at most 512 deep.
func wellFormed(text []byte) bool {
	return utf8.Valid(text) && json.Valid(text) && shallow(text) && pairedSurrogates(text)
}

func shallow(text []byte) bool {
	depth, quoted := 0, false
	for i := 0; i < len(text); i++ {
		switch c := text[i]; {
		case quoted && c == '\\':
			i++
		case c == '"':
			quoted = !quoted
		case quoted:
		case c == '{' || c == '[':
			if depth++; depth > 512 {
				return false
			}
		case c == '}' || c == ']':
			depth--
		}
	}
	return true
}

// pairedSurrogates looks for \uD800 and its like without their other half.
func pairedSurrogates(text []byte) bool {
	for i := 0; i < len(text); i++ {
		if text[i] != '\\' {
			continue
		}
		i++
		high, ok := escaped(text, i)
		if !ok {
			continue
		}
		i += 4
		if high >= 0xDC00 && high < 0xE000 {
			return false
		}
		if high < 0xD800 || high >= 0xE000 {
			continue
		}
		low, ok := uint64(0), i+2 < len(text) && text[i+1] == '\\'
		if ok {
			low, ok = escaped(text, i+2)
		}
		if !ok || low < 0xDC00 || low >= 0xE000 {
			return false
		}
		i += 6
	}
	return true
}

// escaped reads uXXXX at i.
func escaped(text []byte, i int) (uint64, bool) {
	if i+5 > len(text) || text[i] != 'u' {
		return 0, false
	}
	n, err := strconv.ParseUint(string(text[i+1:i+5]), 16, 32)
	return n, err == nil
}

// members calls each for every member of an object, also for a name given twice.
func (v value) members(each func(name string, v value)) error {
	d := jx.DecodeBytes(v)
	if d.Next() != jx.Object {
		return errText
	}
	return d.ObjBytes(func(d *jx.Decoder, key []byte) error {
		name := string(key)
		raw, err := d.Raw()
		if err == nil {
			each(name, value(raw))
		}
		return err
	})
}

func (v value) elements(each func(v value)) error {
	d := jx.DecodeBytes(v)
	if d.Next() != jx.Array {
		return errText
	}
	return d.Arr(func(d *jx.Decoder) error {
		raw, err := d.Raw()
		if err == nil {
			each(value(raw))
		}
		return err
	})
}

func (v value) null() bool { return string(v) == "null" }

// text is the value as a string.
func (v value) text() (string, bool) {
	if len(v) == 0 || v[0] != '"' {
		return "", false
	}
	s, err := jx.DecodeBytes(v).Str()
	return s, err == nil
}

// integer is the value as a whole number of 64 bits, written without fraction or
// exponent (contract §9 (44)).
func (v value) integer() (int64, bool) {
	n, err := strconv.ParseInt(string(v), 10, 64)
	return n, err == nil && len(v) > 0 && v[0] != '+'
}

// scalar is the value as an attribute of a member: a string, number or bool.
func (v value) scalar() (any, bool) {
	if s, ok := v.text(); ok {
		return s, true
	}
	if b, err := strconv.ParseBool(string(v)); err == nil && (b == (v[0] == 't')) && len(v) > 1 {
		return b, true
	}
	n, err := strconv.ParseFloat(string(v), 64)
	return n, err == nil
}
