package main

import (
	"math"
	"testing"
)

func TestFormatMoney(t *testing.T) {
	for _, c := range []struct {
		minor    int64
		currency string
		want     string
	}{
		{0, "EUR", "0.00 EUR"},
		{5, "EUR", "0.05 EUR"},
		{123456, "EUR", "1,234.56 EUR"},
		{-123456789, "USD", "-1,234,567.89 USD"},
		{-7, "USD", "-0.07 USD"},
		{1500, "JPY", "1,500 JPY"},
		{1500, "KWD", "1.500 KWD"},
		{math.MaxInt64, "JPY", "9,223,372,036,854,775,807 JPY"},
		{math.MinInt64, "EUR", "-92,233,720,368,547,758.08 EUR"},
		{12, "", "12"},
	} {
		if got := formatMoney(c.minor, c.currency); got != c.want {
			t.Errorf("%d %s: got %q, want %q", c.minor, c.currency, got, c.want)
		}
	}
}
