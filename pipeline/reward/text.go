package reward

import (
	"math/big"
	"strconv"

	"github.com/grapevinehq/grapevine/pipeline/money"
	"github.com/grapevinehq/grapevine/pipeline/program"
)

// say fills the texts of an event in the beneficiary's locale, or else the
// program's (contract §2). What has no text in either is left out.
func (t *Taking) say(e *Event, s *spot) {
	if s.rule == nil {
		return
	}
	value := func(placeholder string) string { return s.value(placeholder, e) }
	e.Name = program.Render(program.TextFor(s.rule.Name, t.locale, s.version.Locale), value)
	e.Message = program.Render(program.TextFor(s.rule.Message, t.locale, s.version.Locale), value)
}

// value is what stands for one of [program.Placeholders].
func (s *spot) value(placeholder string, e *Event) string {
	switch placeholder {
	case "tier":
		return s.tier
	case "metric":
		return s.metric
	case "threshold":
		return s.threshold
	case "amount":
		return e.decimal()
	case "currency":
		return e.Currency
	case "quantity":
		if e.Currency == "" {
			return strconv.FormatInt(e.Amount, 10)
		}
	case "unit":
		return e.Unit
	case "period":
		return e.Period
	case "program":
		if s.of.Name != "" {
			return s.of.Name
		}
		return s.of.ID
	}
	return ""
}

// decimal is the money that an event moves in its currency's own digits: 12.50.
func (e *Event) decimal() string {
	if e.Currency == "" {
		return ""
	}
	return decimal(big.NewInt(e.Amount), e.Currency)
}

func decimal(minor *big.Int, currency string) string {
	digits, _ := money.Exponent(currency)
	scale := new(big.Int).Exp(big.NewInt(10), big.NewInt(int64(digits)), nil)
	return new(big.Rat).SetFrac(minor, scale).FloatString(digits)
}

// metricText is a reading of a metric for a person: whole conversions or points,
// or revenue as an amount.
func metricText(m program.Metric, reading int64, currency string) string {
	if m == program.Revenue {
		return decimal(big.NewInt(reading), currency)
	}
	return strconv.FormatInt(reading, 10)
}
