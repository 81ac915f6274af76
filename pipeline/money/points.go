package money

import (
	"math"
	"math/bits"
)

// BasisPoints is amount * points / 10000, rounded half up to the minor unit.
// Neither is negative; a result beyond int64 is held at its greatest value.
func BasisPoints(amount, points int64) int64 {
	if amount <= 0 || points <= 0 {
		return 0
	}
	hi, lo := bits.Mul64(uint64(amount), uint64(points))
	lo, carry := bits.Add64(lo, 5000, 0)
	hi += carry
	if hi >= 10000 {
		return math.MaxInt64
	}
	quotient, _ := bits.Div64(hi, lo, 10000)
	if quotient > math.MaxInt64 {
		return math.MaxInt64
	}
	return int64(quotient)
}
