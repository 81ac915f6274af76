package conversions

import (
	"math/big"
)

const oraclePrograms = `
version: 1
exchange_rates:
  - {from: USD, to: EUR, valid_from: 2025-01-01T00:00:00Z, rate: "0.9137"}
  - {from: USD, to: EUR, valid_from: 2025-03-02T00:00:00Z, rate: "0.95"}
  - {from: EUR, to: USD, valid_from: 2025-01-01T00:00:00Z, rate: "1.0825"}
  - {from: EUR, to: JPY, valid_from: 2025-02-01T00:00:00Z, rate: "163.4"}
  - {from: JPY, to: KWD, valid_from: 2025-01-01T00:00:00Z, rate: "0.00203"}
orgs:
  - id: o
    programs:
      - id: p
        versions:
          - {valid_from: 2025-01-01T00:00:00Z, valid_to: 2025-03-01T20:00:00Z, currency: EUR,
             attribution: {model: linear, window: 40h, half_life: 5h, shadow: [last_click, time_decay]}}
          - {valid_from: 2025-03-02T00:00:00Z, currency: USD,
             attribution: {model: position_based, window: 30h, order: [touch, click], shadow: [linear, first_click]}}
      - id: q
        versions:
          - {valid_from: 2025-01-01T00:00:00Z, currency: JPY,
             attribution: {model: time_decay, half_life: 7h, binding: none, order: [click, coupon, touch], shadow: [linear]}}
          - {valid_from: 2025-03-02T12:00:00Z, currency: JPY}
      - id: r
        versions:
          - {valid_from: 2025-01-01T00:00:00Z, currency: KWD, attribution: {model: position_based, order: [coupon, touch]}}
`

type oracleVersion struct {
	from, to           int64 // hours after the first of March; to 0: open
	currency, name     string
	model              string
	window, half       int64 // hours
	order, shadow      []string
	binds              bool
	convertsAt, before map[string]*big.Rat // rates into the currency, since and before the second of March
}

func rat(text string) *big.Rat {
	r, ok := new(big.Rat).SetString(text)
	if !ok {
		panic(text)
	}
	return r
}

var (
	oracleOrder = []string{"coupon", "click", "touch"}
	oracleYear  = int64(-59 * 24) // the first of January
	oracleAll   = map[string][]oracleVersion{
		"p": {
			{from: oracleYear, to: 20, currency: "EUR", name: "2025-01-01T00:00:00Z", model: "linear", window: 40, half: 5, order: oracleOrder,
				shadow: []string{"last_click", "time_decay"}, binds: true, convertsAt: map[string]*big.Rat{"USD": rat("0.95")}, before: map[string]*big.Rat{"USD": rat("0.9137")}},
			{from: 24, currency: "USD", name: "2025-03-02T00:00:00Z", model: "position_based", window: 30, half: 168, order: []string{"touch", "click"},
				shadow: []string{"linear", "first_click"}, binds: true, convertsAt: map[string]*big.Rat{"EUR": rat("1.0825")}, before: map[string]*big.Rat{"EUR": rat("1.0825")}},
		},
		"q": {{from: oracleYear, currency: "JPY", name: "2025-01-01T00:00:00Z", model: "time_decay", window: 720, half: 7, order: []string{"click", "coupon", "touch"},
			shadow: []string{"linear"}, convertsAt: map[string]*big.Rat{"EUR": rat("163.4")}, before: map[string]*big.Rat{"EUR": rat("163.4")}},
			{from: 36, currency: "JPY", name: "2025-03-02T12:00:00Z", model: "last_click", window: 720, half: 168, order: oracleOrder,
				binds: true, convertsAt: map[string]*big.Rat{"EUR": rat("163.4")}, before: map[string]*big.Rat{"EUR": rat("163.4")}}},
		"r": {{from: oracleYear, currency: "KWD", name: "2025-01-01T00:00:00Z", model: "position_based", window: 720, half: 168, order: []string{"coupon", "touch"},
			binds: true, convertsAt: map[string]*big.Rat{"JPY": rat("0.00203")}, before: map[string]*big.Rat{"JPY": rat("0.00203")}}},
	}
	oracleUnits = map[string]int64{"EUR": 100, "USD": 100, "JPY": 1, "KWD": 1000}
)

// versionAt is the version of a time, or the latest before it.
func versionAt(program string, hours int64) (v *oracleVersion, active bool) {
	all := oracleAll[program]
	for i := range all {
		if all[i].from <= hours {
			v = &all[i]
		}
	}
	if v == nil {
		return &all[0], false
	}
	return v, v.to == 0 || hours < v.to
}

// rateInto is the rate of a time, nil for none.
func (v *oracleVersion) rateInto(from string, hours int64) *big.Rat {
	switch {
	case from == "" || from == v.currency:
		return rat("1")
	case hours >= 24:
		return v.convertsAt[from]
	}
	return v.before[from]
}

// inMinor converts minor units, half up.
func inMinor(amount int64, from, to string, rate *big.Rat) int64 {
	if amount == 0 {
		return 0
	}
	exact := new(big.Rat).Mul(new(big.Rat).SetInt64(amount), rate)
	exact.Mul(exact, big.NewRat(oracleUnits[to], oracleUnits[from]))
	return floorOf(exact.Add(exact, big.NewRat(1, 2)))
}

func floorOf(r *big.Rat) int64 { return new(big.Int).Quo(r.Num(), r.Denom()).Int64() }
