package money

import "github.com/grapevinehq/grapevine/pipeline/event/iso4217"

// Known tells whether code is an ISO 4217 code, in capitals, of a currency that
// amounts can be given in.
func Known(code string) bool { return iso4217.Known(code) }

// Exponent is the number of decimals of a currency's minor unit: 2 for EUR, 0
// for JPY, 3 for KWD, 4 for CLF. ok is false for what [Known] does not know.
func Exponent(code string) (digits int, ok bool) { return iso4217.Exponent(code) }
