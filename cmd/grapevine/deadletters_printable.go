package main

import (
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"
)

// printable makes text of unknown origin safe for a terminal: whatever could move
// the cursor, colour, hide or turn text around is written as an escape, and so is
// what is not UTF-8.
func printable(s string) string { return neutralise(s, false) }

// printableLines is printable, but keeps line ends.
func printableLines(s string) string { return neutralise(s, true) }

func neutralise(s string, lines bool) string {
	if isPlain(s, lines) {
		return s
	}
	var b strings.Builder
	for i := 0; i < len(s); {
		r, size := utf8.DecodeRuneInString(s[i:])
		switch {
		case r == utf8.RuneError && size == 1:
			fmt.Fprintf(&b, `\x%02x`, s[i])
		case safeRune(r, lines):
			b.WriteRune(r)
		case r < 0x80:
			fmt.Fprintf(&b, `\x%02x`, r)
		case r < 0x10000:
			fmt.Fprintf(&b, `\u%04x`, r)
		default:
			fmt.Fprintf(&b, `\U%08x`, r)
		}
		i += size
	}
	return b.String()
}

func isPlain(s string, lines bool) bool {
	for i := range len(s) {
		if c := s[i]; (c < 0x20 && !(lines && c == '\n')) || c >= 0x7f {
			return false
		}
	}
	return true
}

// safeRune tells whether a terminal shows a rune and does nothing else. Format
// characters (Cf) turn the direction of text or hide; separators other than the
// space may end lines.
func safeRune(r rune, lines bool) bool {
	return r == '\n' && lines || r != utf8.RuneError && unicode.IsPrint(r)
}
