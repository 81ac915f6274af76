package money

import (
	"cmp"
	"errors"
	"fmt"
	"math/big"
	"sort"

	"github.com/grapevinehq/grapevine/pipeline/program"
)

// Errors of a conversion between currencies.
var (
	// ErrNoRate means that no configured rate leads from one currency to the
	// other at the time asked for (§9 (17): no inverse or cross rates).
	ErrNoRate = errors.New("no exchange rate")
	// ErrOverflow means that a result does not fit in an int64.
	ErrOverflow = errors.New("amount out of range")
)

// Rate is what one unit of From is worth in units of To: Numerator/Denominator,
// exact. The zero Rate is no rate at all.
type Rate struct {
	From        string `cbor:"1,keyasint"`
	To          string `cbor:"2,keyasint"`
	Numerator   int64  `cbor:"3,keyasint"`
	Denominator int64  `cbor:"4,keyasint"`
}

// Same is the rate of a currency to itself.
func Same(code string) Rate { return Rate{From: code, To: code, Numerator: 1, Denominator: 1} }

// RateAt finds the rate from one currency to another that is valid at a time
// (milliseconds since the epoch): the one with the latest ValidFrom not after
// it. Equal currencies have rate 1 always. Anything else is ErrNoRate. The rates
// are in the order of a Catalog's: by pair, then by time.
func RateAt(rates []program.Rate, from, to string, at int64) (Rate, error) {
	if from == to {
		return Same(to), nil
	}
	later := sort.Search(len(rates), func(i int) bool {
		r := &rates[i]
		return cmp.Or(cmp.Compare(r.From, from), cmp.Compare(r.To, to), cmp.Compare(r.ValidFrom, at)) > 0
	})
	if later == 0 || rates[later-1].From != from || rates[later-1].To != to {
		return Rate{}, fmt.Errorf("%w from %s to %s", ErrNoRate, from, to)
	}
	r := &rates[later-1]
	return Rate{From: from, To: to, Numerator: r.Numerator, Denominator: r.Denominator}, nil
}

// Convert gives amount (minor units of r.From, not negative) in minor units of
// r.To, rounded half up once. A difference is never converted: it is the
// difference of two converted amounts, so that nothing drifts (§9 (17)).
func (r Rate) Convert(amount int64) (int64, error) {
	if r.From == r.To && r.Numerator == r.Denominator {
		return amount, nil
	}
	from, ok := Exponent(r.From)
	if !ok {
		return 0, fmt.Errorf("convert from %q: not an ISO 4217 currency", r.From)
	}
	to, ok := Exponent(r.To)
	if !ok {
		return 0, fmt.Errorf("convert to %q: not an ISO 4217 currency", r.To)
	}
	if amount < 0 || r.Numerator <= 0 || r.Denominator <= 0 {
		return 0, fmt.Errorf("convert %d at %d/%d: neither may be negative", amount, r.Numerator, r.Denominator)
	}
	num := new(big.Int).Mul(big.NewInt(amount), big.NewInt(r.Numerator))
	num.Mul(num, powerOfTen(to))
	den := new(big.Int).Mul(big.NewInt(r.Denominator), powerOfTen(from))
	return halfUp(num, den)
}

// halfUp divides, rounded half up; neither operand is negative.
func halfUp(num, den *big.Int) (int64, error) {
	num.Lsh(num, 1).Add(num, den)
	num.Quo(num, new(big.Int).Lsh(den, 1))
	if !num.IsInt64() {
		return 0, ErrOverflow
	}
	return num.Int64(), nil
}

func powerOfTen(n int) *big.Int {
	p := int64(1)
	for range n {
		p *= 10
	}
	return big.NewInt(p)
}
