package cases

import (
	"fmt"
	"strconv"
	"strings"

	"golang.org/x/text/currency"
)

// minor reads an amount as people write it, 12.50 of a currency with two decimals
// being 1250.
func minor(text, code string) (int64, error) {
	digits, err := decimals(code)
	if err != nil {
		return 0, err
	}
	whole, part, _ := strings.Cut(text, ".")
	if len(part) > digits {
		return 0, fmt.Errorf("%s %s: more than %d decimals", text, code, digits)
	}
	n, err := strconv.ParseInt(whole+part+strings.Repeat("0", digits-len(part)), 10, 64)
	if err != nil {
		return 0, fmt.Errorf("%s %s is no amount", text, code)
	}
	return n, nil
}

// major writes minor units of a currency with its decimals, and anything else as it is.
func major(n int64, unit string) string {
	digits, err := decimals(unit)
	if err != nil || digits == 0 {
		return fmt.Sprintf("%d %s", n, unit)
	}
	sign := ""
	if n < 0 {
		sign, n = "-", -n
	}
	text := fmt.Sprintf("%0*d", digits+1, n)
	return fmt.Sprintf("%s%s.%s %s", sign, text[:len(text)-digits], text[len(text)-digits:], unit)
}

// decimals of a currency. Those of the library are those of everyday use, which
// are ISO 4217's for all that cases speak of.
func decimals(code string) (int, error) {
	unit, err := currency.ParseISO(code)
	if err != nil {
		return 0, fmt.Errorf("%q is no currency", code)
	}
	digits, _ := currency.Standard.Rounding(unit)
	return digits, nil
}
