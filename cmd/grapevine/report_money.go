package main

import (
	"strconv"
	"strings"

	"github.com/grapevinehq/grapevine/pipeline/money"
)

// formatMoney writes an amount in minor units with the currency's decimals
// (ISO 4217): 123450 EUR as 1,234.50 EUR, 500 JPY as 500 JPY.
func formatMoney(minor int64, currency string) string {
	digits, ok := money.Exponent(currency)
	if !ok {
		digits = 0
	}
	return strings.TrimSpace(formatDecimal(minor, digits) + " " + printable(currency))
}

// formatDecimal writes a number of 10^-digits with thousands apart.
func formatDecimal(n int64, digits int) string {
	sign, plain := "", strconv.FormatInt(n, 10)
	if n < 0 {
		sign, plain = "-", plain[1:]
	}
	if len(plain) <= digits {
		plain = strings.Repeat("0", digits+1-len(plain)) + plain
	}
	whole, fraction := plain[:len(plain)-digits], plain[len(plain)-digits:]
	if fraction != "" {
		fraction = "." + fraction
	}
	return sign + groupThousands(whole) + fraction
}

// formatCount writes a count with thousands apart.
func formatCount[N int64 | uint64 | int](n N) string { return formatDecimal(int64(n), 0) }

func groupThousands(digits string) string {
	var b strings.Builder
	for i, d := range digits {
		if i > 0 && (len(digits)-i)%3 == 0 {
			b.WriteByte(',')
		}
		b.WriteRune(d)
	}
	return b.String()
}

// formatShare writes a share as per cent; nothing when there is none.
func formatShare(share *float64) string {
	if share == nil {
		return "-"
	}
	return strconv.FormatFloat(*share*100, 'f', 1, 64) + " %"
}
