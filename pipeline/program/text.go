package program

import (
	"fmt"
	"slices"
	"strings"
)

// Placeholders are the names that a rule's name and message may use, as in
// "Milestone {{tier}}". One that does not apply to a reward is empty.
var Placeholders = []string{
	"tier",      // id of the tier, as bronze or gold+1
	"metric",    // value of the metric when the tier was reached: conversions or points rounded down, revenue as an amount
	"threshold", // threshold of the tier, in the metric's unit
	"amount",    // amount of the reward in the currency's own digits, as 25.00
	"currency",  // its currency
	"quantity",  // quantity of the reward
	"unit",      // unit of the quantity
	"program",   // name of the program, or else its id
	"period",    // period of the reward, as lifetime or 2026-Q4
}

const (
	openMark  = "{{"
	closeMark = "}}"
)

// CheckText says what is wrong with the placeholders of a text.
func CheckText(text string) error {
	_, err := scan(text)
	return err
}

// PlaceholdersIn names the placeholders of a text, in their order.
func PlaceholdersIn(text string) []string {
	found, _ := scan(text) // up to the first that is wrong, which CheckText tells
	return found
}

func scan(text string) (found []string, err error) {
	for {
		before, rest, marked := strings.Cut(text, openMark)
		if strings.Contains(before, closeMark) {
			return found, fmt.Errorf("has a %s without a %s before it", closeMark, openMark)
		}
		if !marked {
			return found, nil
		}
		name, after, closed := strings.Cut(rest, closeMark)
		if !closed {
			return found, fmt.Errorf("has a %s without a %s after it", openMark, closeMark)
		}
		known := strings.TrimSpace(name)
		if !slices.Contains(Placeholders, known) {
			return found, fmt.Errorf("has the unknown placeholder {{%s}}; known: %s", name, strings.Join(Placeholders, ", "))
		}
		found = append(found, known)
		text = after
	}
}

// Render fills the placeholders of a text that CheckText has passed.
func Render(text string, value func(placeholder string) string) string {
	if !strings.Contains(text, openMark) {
		return text
	}
	var out strings.Builder
	for {
		before, rest, found := strings.Cut(text, openMark)
		out.WriteString(before)
		if !found {
			return out.String()
		}
		name, after, closed := strings.Cut(rest, closeMark)
		if !closed {
			out.WriteString(openMark + rest)
			return out.String()
		}
		out.WriteString(value(strings.TrimSpace(name)))
		text = after
	}
}

// PlainLocale is a language tag as texts are found by it: de_AT and de-at are
// one.
func PlainLocale(tag string) string {
	return strings.ToLower(strings.ReplaceAll(tag, "_", "-"))
}

// TextFor takes the text of the first locale that has one, texts being by
// [PlainLocale]. A locale also finds the text of a wider one: zh-Hant-TW that
// of zh-Hant, and else of zh. Empty when none has one.
func TextFor(texts map[string]string, locales ...string) string {
	if len(texts) == 0 {
		return ""
	}
	for _, locale := range locales {
		if text, ok := texts[locale]; ok {
			return text
		}
		for tag := PlainLocale(locale); tag != ""; {
			if text, ok := texts[tag]; ok {
				return text
			}
			last := strings.LastIndexByte(tag, '-')
			tag = tag[:max(last, 0)]
		}
	}
	return ""
}
