package reward

import (
	"iter"
	"math"
	"math/big"

	"github.com/grapevinehq/grapevine/pipeline/event"
	"github.com/grapevinehq/grapevine/pipeline/money"
	"github.com/grapevinehq/grapevine/pipeline/program"
)

const wholeBasisPoints = 10_000

// Credited is the net amount, in minor units of the program's currency, that a
// credit is about: of a referrer the part by credit, of a referee the whole.
func Credited(c *event.Credit) int64 { return part(c, c.NetMinor) }

// part is what a beneficiary has of a total: a referrer's is split by credit as
// money is, a referee's is not (contract §5).
func part(c *event.Credit, total int64) int64 {
	if c.Role != event.RoleReferrer {
		return total
	}
	switch {
	case len(c.Peers) > 0:
		return money.PartAmong(total, c.CreditPPM, peers(c.Peers))
	case c.Index < 0 || c.Index >= len(c.Shares):
		return 0 // no such share: nothing is theirs
	case len(c.Shares) == 1 && c.Shares[0] > 0:
		return total
	}
	return money.PartAmong(total, c.Shares[c.Index], listed(c.Shares, c.Index))
}

// peers goes through what a credit says of very many shares.
func peers(list []int64) iter.Seq[money.Peers] {
	return func(yield func(money.Peers) bool) {
		for rest := list; len(rest) >= 3; rest = rest[3:] {
			if !yield(money.Peers{Share: rest[0], Count: rest[1], Before: rest[2]}) {
				return
			}
		}
	}
}

// listed goes through the shares that a credit lists, its own being that at index.
func listed(shares []int64, index int) iter.Seq[money.Peers] {
	return func(yield func(money.Peers) bool) {
		for i, s := range shares {
			p := money.Peers{Share: s, Count: 1}
			if i < index {
				p.Before = 1
			}
			if !yield(p) {
				return
			}
		}
	}
}

// Amount is what a per_conversion reward without brackets comes to after a
// credit: minor units, or a quantity where the reward has one. Basis points
// follow what is left of the conversion; a flat amount or quantity stays until
// the conversion no longer counts.
func Amount(r *program.Reward, c *event.Credit) int64 {
	switch {
	case !c.Counts:
		return 0
	case r.Quantity > 0:
		return part(c, r.Quantity)
	case r.HasBasisPoints:
		return capped(r, share(Credited(c), r.BasisPoints))
	default:
		return capped(r, part(c, r.AmountMinor))
	}
}

func capped(r *program.Reward, amount int64) int64 {
	if r.HasMax {
		return min(amount, r.MaxAmountMinor)
	}
	return amount
}

// share is amount × points / 10,000, half up; what does not fit in an int64 is
// its greatest value.
func share(amount, points int64) int64 {
	n := new(big.Int).Mul(big.NewInt(amount), big.NewInt(points))
	return halfUp(n)
}

// BracketTotal is what brackets pay on a period's credited revenue: each part of
// it at its bracket's rate, the exact total rounded half up once (§9 (25)).
// brackets are in order of FromMinor.
func BracketTotal(brackets []program.Bracket, revenue *big.Int) int64 {
	total := new(big.Int)
	for i, b := range brackets {
		from, to := big.NewInt(b.FromMinor), revenue
		if i+1 < len(brackets) {
			if next := big.NewInt(brackets[i+1].FromMinor); next.Cmp(revenue) < 0 {
				to = next
			}
		}
		if to.Cmp(from) <= 0 {
			break
		}
		slice := new(big.Int).Sub(to, from)
		total.Add(total, slice.Mul(slice, big.NewInt(b.BasisPoints)))
	}
	return halfUp(total)
}

// halfUp divides a number of basis points, none negative, by 10,000.
func halfUp(n *big.Int) int64 {
	n.Add(n, big.NewInt(wholeBasisPoints/2))
	n.Quo(n, big.NewInt(wholeBasisPoints))
	if !n.IsInt64() {
		return math.MaxInt64
	}
	return n.Int64()
}

// Metric is what a credit adds to the metric of a tiers rule while its
// conversion counts: parts per million of conversions or points, or minor units
// of revenue. The greatest int64 stands for what is beyond it.
func Metric(r *program.Rule, c *event.Credit) int64 {
	switch r.Metric {
	case program.Revenue:
		return Credited(c)
	case program.Points:
		weight := r.PointsOf[c.Kind]
		if weight > 0 && c.CreditPPM > math.MaxInt64/weight {
			return math.MaxInt64
		}
		return weight * c.CreditPPM
	default:
		return c.CreditPPM
	}
}

// Reading is a metric's sum in the units of a threshold: whole conversions or
// points, or minor units. A sum reaches a threshold when its reading does,
// because thresholds are whole; what is beyond an int64 reads as its greatest.
func Reading(m program.Metric, sum *big.Int) int64 {
	n := sum
	if m != program.Revenue {
		n = new(big.Int).Quo(sum, big.NewInt(1_000_000))
	}
	if !n.IsInt64() {
		return math.MaxInt64
	}
	return n.Int64()
}
