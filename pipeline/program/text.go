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
	for {
		before, rest, found := strings.Cut(text, openMark)
		if strings.Contains(before, closeMark) {
			return fmt.Errorf("has a %s without a %s before it", closeMark, openMark)
		}
		if !found {
			return nil
		}
		name, after, closed := strings.Cut(rest, closeMark)
		if !closed {
			return fmt.Errorf("has a %s without a %s after it", openMark, closeMark)
		}
		if !slices.Contains(Placeholders, strings.TrimSpace(name)) {
			return fmt.Errorf("has the unknown placeholder {{%s}}; known: %s", name, strings.Join(Placeholders, ", "))
		}
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
