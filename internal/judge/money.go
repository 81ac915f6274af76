package judge

import (
	"math/big"
	"slices"
)

// whole is all the credit of a conversion, in parts per million.
const whole = 1_000_000

// share splits a total by weights: each gets the floor of its exact share, and what
// is left goes out one by one by largest remainder, ties to the earlier (§4).
func share(total int64, weights []*big.Rat) []int64 {
	out := make([]int64, len(weights))
	sum := new(big.Rat)
	for _, w := range weights {
		sum.Add(sum, w)
	}
	if sum.Sign() == 0 {
		return out
	}
	left, order, remainders := total, make([]int, len(weights)), make([]*big.Rat, len(weights))
	for i, w := range weights {
		exact := new(big.Rat).SetInt64(total)
		exact.Mul(exact, w).Quo(exact, sum)
		floor := new(big.Int).Div(exact.Num(), exact.Denom())
		out[i], order[i] = floor.Int64(), i
		remainders[i] = exact.Sub(exact, new(big.Rat).SetInt(floor))
		left -= out[i]
	}
	slices.SortStableFunc(order, func(a, b int) int { return remainders[b].Cmp(remainders[a]) })
	for _, i := range order[:left] {
		out[i]++
	}
	return out
}

// split shares money by credits.
func split(amount int64, ppm []int64) []int64 {
	if len(ppm) == 1 && ppm[0] != 0 {
		return []int64{amount}
	}
	weights := make([]*big.Rat, len(ppm))
	for i, n := range ppm {
		weights[i] = new(big.Rat).SetInt64(n)
	}
	return share(amount, weights)
}

// halfUp rounds to a whole number, halves up. What no int64 holds is not ok.
func halfUp(r *big.Rat) (int64, bool) {
	twice := new(big.Int).Add(new(big.Int).Lsh(r.Num(), 1), r.Denom())
	n := twice.Div(twice, new(big.Int).Lsh(r.Denom(), 1))
	return n.Int64(), n.IsInt64()
}

// rateOf is what one minor unit of a currency is in another at a time, nil without
// a rate. No rate is turned round or chained (§9 (17)).
func (c *catalog) rateOf(from, to string, ms int64) *big.Rat {
	if from == to {
		return big.NewRat(1, 1)
	}
	var found *big.Rat
	for _, r := range c.rates[[2]string{from, to}] {
		if r.from <= ms {
			found = r.of
		}
	}
	if found == nil {
		return nil
	}
	power := func(n int) *big.Rat {
		return new(big.Rat).SetInt(new(big.Int).Exp(big.NewInt(10), big.NewInt(int64(n)), nil))
	}
	out := new(big.Rat).Mul(found, power(exponent(to)))
	return out.Quo(out, power(exponent(from)))
}

// converted is an amount at a rate; 0 needs none.
func converted(amount int64, rate *big.Rat) (int64, bool) {
	if amount == 0 {
		return 0, true
	}
	r := new(big.Rat).SetInt64(amount)
	return halfUp(r.Mul(r, rate))
}
