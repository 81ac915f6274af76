package main

import (
	"strings"
	"testing"
	"unicode"
	"unicode/utf8"

	"pgregory.net/rapid"
)

func TestPrintable(t *testing.T) {
	for _, c := range []struct{ name, text, want string }{
		{"plain", "member-1 / acme", "member-1 / acme"},
		{"letters of the world", "Žofie 日本 €", "Žofie 日本 €"},
		{"escape sequence", "\x1b[2Jgone", `\x1b[2Jgone`},
		{"one-character control sequence introducer", "\u009b2J", `\u009b2J`},
		{"carriage return and bell", "a\rb\a", `a\x0db\x07`},
		{"line end", "a\nb", `a\x0ab`},
		{"delete", "\x7f", `\x7f`},
		{"text turned around", "user\u202etxt.exe", `user\u202etxt.exe`},
		{"invisible", "a\u200bb\U000e0041", `a\u200bb\U000e0041`},
		{"not UTF-8", "a\xff\x9bb", `a\xff\x9bb`},
	} {
		t.Run(c.name, func(t *testing.T) {
			if got := printable(c.text); got != c.want {
				t.Errorf("got %q, want %q", got, c.want)
			}
		})
	}
}

func TestPrintable_is_safe_whatever_it_is_given(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		text := string(rapid.SliceOf(rapid.Byte()).Draw(t, "text")) + rapid.String().Draw(t, "runes")
		for _, safe := range []string{printable(text), strings.ReplaceAll(printableLines(text), "\n", "")} {
			if !utf8.ValidString(safe) {
				t.Fatalf("not UTF-8: %q", safe)
			}
			for _, r := range safe {
				if !unicode.IsPrint(r) {
					t.Fatalf("%q has %U", safe, r)
				}
			}
		}
	})
}
