package money

import (
	"iter"
	"math/bits"
)

// Peers are the shares of one size among those that a total is split over.
type Peers struct {
	Share  int64 // their size
	Count  int64 // how many there are
	Before int64 // how many of them stand before the share whose part is asked for
}

// PartAmong is the part that [Split] gives to one share. It need not know every
// share in its place: equal shares have equal remainders, so a part is settled by
// how many shares of each size there are, and, where remainders tie, how many of
// them stand before. Each size may come more than once. The share itself is among
// its peers, and all of them together are less than 2^63.
func PartAmong(total, share int64, peers iter.Seq[Peers]) int64 {
	amount, negative := uint64(total), total < 0
	if negative {
		amount = -amount
	}
	var sum uint64
	for p := range peers {
		sum += uint64(p.Share) * uint64(p.Count)
	}
	if sum == 0 || uint64(share) > sum {
		return 0
	}
	part, mine := portion(amount, uint64(share), sum)
	left, ahead := amount, uint64(0) // units that floors leave, shares that go before
	for p := range peers {
		floor, remainder := portion(amount, uint64(p.Share), sum)
		left -= floor * uint64(p.Count)
		switch {
		case remainder > mine:
			ahead += uint64(p.Count)
		case remainder == mine:
			ahead += uint64(p.Before)
		}
	}
	if ahead < left {
		part++
	}
	if negative {
		return -int64(part)
	}
	return int64(part)
}

// portion is amount × share / sum, and what that leaves; share <= sum.
func portion(amount, share, sum uint64) (floor, remainder uint64) {
	hi, lo := bits.Mul64(amount, share)
	return bits.Div64(hi, lo, sum)
}
