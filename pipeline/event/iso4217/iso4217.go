// Package iso4217 knows the currency codes that money may be given in, and the
// decimals of their minor units. It knows nothing else of money.
package iso4217

import "golang.org/x/text/currency"

// exponents holds the ISO 4217 exponents that are not 2. CLDR, which
// golang.org/x/text follows for digits, rounds a dozen currencies as their
// users do in everyday life (IQD, RSD, MMK, ... without decimals); minor units
// in an event are ISO's.
var exponents = map[string]int{
	"BIF": 0, "CLP": 0, "DJF": 0, "GNF": 0, "ISK": 0, "JPY": 0, "KMF": 0, "KRW": 0, "PYG": 0,
	"RWF": 0, "UGX": 0, "UYI": 0, "VND": 0, "VUV": 0, "XAF": 0, "XOF": 0, "XPF": 0,
	"BHD": 3, "IQD": 3, "JOD": 3, "KWD": 3, "LYD": 3, "OMR": 3, "TND": 3,
	"CLF": 4, "UYW": 4,
}

// young are currencies that ISO 4217 has taken in since the tables of
// golang.org/x/text were made.
var young = map[string]bool{
	"MRU": true, "SLE": true, "UYW": true, "VED": true, "VES": true, "XAD": true, "XCG": true, "ZWG": true,
}

// noMinor are ISO 4217 codes that have no minor unit and so no amounts: metals,
// bond units, drawing rights, testing, and "no currency".
var noMinor = map[string]bool{
	"XAG": true, "XAU": true, "XBA": true, "XBB": true, "XBC": true, "XBD": true, "XDR": true,
	"XPD": true, "XPT": true, "XSU": true, "XTS": true, "XUA": true, "XXX": true,
}

// Known tells whether code is an ISO 4217 code, in capitals, of a currency that
// amounts can be given in.
func Known(code string) bool {
	_, ok := Exponent(code)
	return ok
}

// Exponent is the number of decimals of a currency's minor unit: 2 for EUR, 0
// for JPY, 3 for KWD, 4 for CLF. ok is false for what [Known] does not know.
func Exponent(code string) (digits int, ok bool) {
	if digits, ok = exponents[code]; ok {
		return digits, true
	}
	if !capitals(code) || noMinor[code] {
		return 0, false
	}
	if young[code] {
		return 2, true
	}
	if _, err := currency.ParseISO(code); err != nil {
		return 0, false
	}
	return 2, true
}

func capitals(code string) bool {
	if len(code) != 3 {
		return false
	}
	for i := range len(code) {
		if code[i] < 'A' || code[i] > 'Z' {
			return false
		}
	}
	return true
}
