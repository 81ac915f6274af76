package reward_test

import (
	"fmt"
	"maps"
	"math/big"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/grapevinehq/grapevine/pipeline/event"
	"github.com/grapevinehq/grapevine/pipeline/program"
	"github.com/grapevinehq/grapevine/pipeline/reward"
)

// The oracle computes what contract §5 makes of conversions as they stand in the
// end, each rule afresh, in fractions and without any of the package's own
// arithmetic. It keeps no ledger, so it cannot drift as one might.

// floorOf and halfUpOf round a fraction that is not negative.
func floorOf(r *big.Rat) int64 { return new(big.Int).Quo(r.Num(), r.Denom()).Int64() }

func halfUpOf(r *big.Rat) int64 { return floorOf(new(big.Rat).Add(r, big.NewRat(1, 2))) }

// firstOf is the first of two referrers' part of a total: the floor, and the one
// unit that is left where its remainder is not the smaller one.
func firstOf(total int64, shares []int64) int64 {
	exact := func(share int64) *big.Rat {
		return new(big.Rat).Mul(new(big.Rat).SetInt64(total), big.NewRat(share, 1_000_000))
	}
	mine, other := exact(shares[0]), exact(shares[1])
	part := floorOf(mine)
	if part+floorOf(other) == total {
		return part
	}
	remainder := func(r *big.Rat) *big.Rat { return new(big.Rat).Sub(r, new(big.Rat).SetInt64(floorOf(r))) }
	if remainder(mine).Cmp(remainder(other)) >= 0 {
		part++
	}
	return part
}

// periodOf names a period of the rule of everyRule, whose zone is UTC.
func periodOf(kind program.Period, ms int64) string {
	t := time.UnixMilli(ms).UTC()
	switch kind {
	case program.Month:
		return t.Format("2006-01")
	case program.Week:
		year, week := t.ISOWeek()
		return fmt.Sprintf("%04d-W%02d", year, week)
	case program.Quarter:
		return fmt.Sprintf("%04d-Q%d", t.Year(), (t.Month()+2)/3)
	}
	return "lifetime"
}

// expected are the nets by what promised names, of the credits of everyRule as
// they stand: the last of each conversion, and the first for what stays flat.
func expected(standing map[string]event.Credit) map[string]int64 {
	nets := map[string]int64{}
	sums := map[string]*big.Rat{} // by rule and period
	add := func(rule string, kind program.Period, ms int64, r *big.Rat) {
		key := rule + "/" + periodOf(kind, ms)
		if sums[key] == nil {
			sums[key] = new(big.Rat)
		}
		sums[key].Add(sums[key], r)
	}
	for id, c := range standing {
		if !c.Counts {
			continue
		}
		credited := firstOf(c.NetMinor, c.Shares)
		share := halfUpOf(new(big.Rat).Mul(new(big.Rat).SetInt64(credited), big.NewRat(777, 10_000)))
		nets[reward.ConversionID("o", "p", "commission", "share", id, "ann")] = min(share, 300)
		nets[reward.ConversionID("o", "p", "commission", "flat", id, "ann")] = firstOf(501, c.Shares)
		weight := map[event.Kind]int64{event.KindSale: 20, event.KindLead: 1}[c.Kind]
		add("steps", program.Month, c.ConversionTime, big.NewRat(c.CreditPPM, 1_000_000))
		add("points", program.Week, c.ConversionTime, new(big.Rat).Mul(new(big.Rat).SetInt64(weight), big.NewRat(c.CreditPPM, 1_000_000)))
		add("revenue", program.Lifetime, c.ConversionTime, new(big.Rat).SetInt64(credited))
		add("brackets", program.Quarter, c.ConversionTime, new(big.Rat).SetInt64(credited))
	}
	for key, sum := range sums {
		var rule, period string
		for _, r := range everyRuleID {
			if len(key) > len(r) && key[:len(r)+1] == r+"/" {
				rule, period = r, key[len(r)+1:]
			}
		}
		reached := func(tier string, threshold, amount int64) {
			if sum.Cmp(new(big.Rat).SetInt64(threshold)) >= 0 {
				nets["p/"+rule+"/"+tier+"/x/"+period+"/ann"] = amount
			}
		}
		switch rule {
		case "steps":
			reached("one", 1, 100)
			reached("two", 2, 250)
			for n := int64(1); n <= 20; n++ {
				reached(fmt.Sprint("two+", n), 2+2*n, 250)
			}
		case "revenue":
			reached("rich", 5_000, 70)
			for n := int64(1); n <= 100; n++ {
				reached(fmt.Sprint("rich+", n), 5_000+1_500*n, 70)
			}
		case "points":
			reached("p", 30, 3)
		case "brackets":
			total := new(big.Rat)
			for _, rate := range []struct{ from, to, points int64 }{{0, 4_000, 800}, {4_000, 9_000, 1500}, {9_000, 1 << 40, 300}} {
				in := min(floorOf(sum), rate.to) - rate.from
				if in > 0 {
					total.Add(total, new(big.Rat).Mul(new(big.Rat).SetInt64(in), big.NewRat(rate.points, 10_000)))
				}
			}
			nets["brackets/"+period] = halfUpOf(total)
		}
	}
	maps.DeleteFunc(nets, func(_ string, n int64) bool { return n == 0 })
	return nets
}

func TestProperty_ledgers_hold_what_the_rules_make_of_conversions_as_they_stand(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		b := newBook(t, everyRule())
		standing := map[string]event.Credit{}
		for _, c := range interleave(t, history(t, rapid.IntRange(1, 10).Draw(t, "conversions"))) {
			b.take(c)
			standing[c.ConversionID] = c
		}
		b.check()
		if got, want := b.nets(promised), expected(standing); !maps.Equal(got, want) {
			t.Fatalf("got %v, want %v", got, want)
		}
	})
}
