package attribution

import (
	"math/big"
	"math/bits"
	"time"
)

// Weights of time_decay are fixed-point numbers of decayBits binary digits,
// computed with integers alone: math.Exp2 may differ in its last bit between
// processors, and two workers must never differ. An error of 2^-60 could move a
// part per million only where an exact share lies that close to a whole one.
const (
	decayBits    = 128
	fractionBits = 62
)

// roots[k] is 2^(-2^-(k+1)): the square root of 1/2, its square root, and so on.
var roots = func() [fractionBits]*big.Int {
	var r [fractionBits]*big.Int
	previous := new(big.Int).Lsh(big.NewInt(1), decayBits-1) // 1/2
	for k := range r {
		r[k] = new(big.Int).Sqrt(new(big.Int).Lsh(previous, decayBits))
		previous = r[k]
	}
	return r
}()

// decayed weighs each touch 2^(-age/halfLife), its age being relative to the
// newest touch (§9 (21)), which is the last one.
func decayed(touches []Touch, halfLife time.Duration) []*big.Int {
	half := max(halfLife.Milliseconds(), 1)
	newest := touches[len(touches)-1].Time
	weights := make([]*big.Int, len(touches))
	for i, t := range touches {
		weights[i] = halved(uint64(newest-t.Time), uint64(half))
	}
	return weights
}

// halved is 2^(-age/half) in fixed point; 0 when it is too small to matter.
func halved(age, half uint64) *big.Int {
	weight := new(big.Int).Lsh(big.NewInt(1), decayBits)
	whole, rest := age/half, age%half
	if whole >= decayBits {
		return new(big.Int)
	}
	// The fraction rest/half, fractionBits binary digits of it.
	hi, lo := rest>>(64-fractionBits), rest<<fractionBits
	fraction, _ := bits.Div64(hi, lo, half)
	product := new(big.Int) // its own, so that it is made once
	for k := range fractionBits {
		if fraction>>(fractionBits-1-k)&1 == 1 {
			weight.Rsh(product.Mul(weight, roots[k]), decayBits)
		}
	}
	return weight.Rsh(weight, uint(whole))
}
