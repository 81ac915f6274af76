package money

import (
	"math/big"
	"slices"
)

// Split divides total over shares in their proportion, so that the parts add up
// to total exactly: each gets the floor of its exact part, and what is left
// goes out one unit at a time by largest remainder, ties to the earlier share
// (§4). Shares are not negative; where all are 0 every part is 0. A negative
// total is split as its absolute value and negated.
func Split(total int64, shares []int64) []int64 {
	parts := make([]int64, len(shares))
	if len(shares) == 0 || total == 0 {
		return parts
	}
	amount, negative := uint64(total), total < 0
	if negative {
		amount = -amount
	}
	var sum uint64
	for _, s := range shares {
		sum += uint64(s)
	}
	if sum == 0 {
		return parts
	}
	remainders := make([]uint64, len(shares))
	left := amount
	for i, s := range shares {
		quotient, remainder := portion(amount, uint64(s), sum)
		parts[i], remainders[i] = int64(quotient), remainder
		left -= quotient
	}
	for _, i := range byRemainder(len(shares), func(a, b int) int {
		switch {
		case remainders[a] > remainders[b]:
			return -1
		case remainders[a] < remainders[b]:
			return 1
		}
		return 0
	})[:left] {
		parts[i]++
	}
	if negative {
		for i := range parts {
			parts[i] = -parts[i]
		}
	}
	return parts
}

// SplitBig is [Split] for weights that are no ratios of small integers. Total
// and weights are not negative.
func SplitBig(total int64, weights []*big.Int) []int64 {
	parts := make([]int64, len(weights))
	sum := new(big.Int)
	for _, w := range weights {
		sum.Add(sum, w)
	}
	if sum.Sign() <= 0 {
		return parts
	}
	amount, left := big.NewInt(total), total
	remainders := make([]*big.Int, len(weights))
	product, quotient := new(big.Int), new(big.Int)
	for i, w := range weights {
		remainders[i] = new(big.Int)
		quotient.QuoRem(product.Mul(amount, w), sum, remainders[i])
		parts[i] = quotient.Int64()
		left -= parts[i]
	}
	for _, i := range byRemainder(len(weights), func(a, b int) int { return remainders[b].Cmp(remainders[a]) })[:left] {
		parts[i]++
	}
	return parts
}

// byRemainder orders 0..n-1 by cmp, ties to the earlier.
func byRemainder(n int, cmp func(a, b int) int) []int {
	order := make([]int, n)
	for i := range order {
		order[i] = i
	}
	slices.SortStableFunc(order, cmp)
	return order
}
