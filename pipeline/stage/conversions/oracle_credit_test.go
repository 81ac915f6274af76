package conversions

import (
	"cmp"
	"fmt"
	"math/big"
	"slices"

	"github.com/grapevinehq/grapevine/pipeline/event"
)

// excluded tells whether a referrer may have no credit.
func (o *oracle) excluded(e sent, hours int64, referrer string) bool {
	m := o.s.asOf("o", referrer, at(hours))
	return referrer == e.key || m != nil && (m.Status == event.Banned || m.EmailHash != "" && m.EmailHash == e.text("email_hash"))
}

func (o *oracle) attribute(e sent, v *oracleVersion, hours, minor int64) (verdict string) {
	key := e.program() + "|" + e.key
	b := o.bound[key]
	if b != nil && v.binds {
		return o.keep(e, v, b, hours, minor)
	}
	touches := o.candidates(e, v, hours)
	if len(touches) == 0 {
		return unattributed
	}
	made := &oracleBinding{model: v.model, touch: map[string][]oracleTouch{}, credit: map[string][]int64{}}
	for _, t := range touches {
		if made.touch[t.referrer] == nil {
			made.list = append(made.list, t.referrer)
		}
		made.touch[t.referrer] = append(made.touch[t.referrer], t)
	}
	for _, model := range []string{"last_click", "first_click", "linear", "position_based", "time_decay"} {
		credit := make([]int64, len(made.list))
		for i, ppm := range splitBy(1_000_000, weights(model, touches, v.half)) {
			credit[slices.Index(made.list, touches[i].referrer)] += ppm
		}
		made.credit[model] = credit
	}
	if b == nil {
		o.bound[key] = made
	}
	o.pay(e, v, made, made.credit, made.credit[v.model], minor)
	return attributed
}

// keep gives a later conversion what binds its customer.
func (o *oracle) keep(e sent, v *oracleVersion, b *oracleBinding, hours, minor int64) (verdict string) {
	without := func(credit []int64) []int64 {
		left := make([]*big.Rat, len(credit))
		for i := range credit {
			left[i] = new(big.Rat)
			if !o.excluded(e, hours, b.list[i]) {
				left[i].SetInt64(credit[i])
			}
		}
		return splitBy(1_000_000, left)
	}
	all := map[string][]int64{}
	for model, credit := range b.credit {
		all[model] = without(credit)
	}
	paying := without(b.credit[b.model])
	if sum(paying) == 0 {
		return unattributed
	}
	o.pay(e, v, b, all, paying, minor)
	return attributed
}

func sum(list []int64) (total int64) {
	for _, n := range list {
		total += n
	}
	return total
}

// pay writes the credits down: the paying ones, then those of the shadow models.
func (o *oracle) pay(e sent, v *oracleVersion, b *oracleBinding, all map[string][]int64, paying []int64, minor int64) {
	write := func(model string, credit []int64, pays int) {
		shares := make([]*big.Rat, len(credit))
		for i := range credit {
			shares[i] = new(big.Rat).SetInt64(credit[i])
		}
		for i, part := range splitBy(minor, shares) {
			if credit[i] > 0 {
				t := b.touch[b.list[i]]
				o.credits = append(o.credits, fmt.Sprintf("%s %s %s %d %d %d %d %d %d", e.body["id"], b.list[i], model, pays, credit[i], part,
					len(t), at(t[0].hours), at(t[len(t)-1].hours)))
			}
		}
	}
	write(v.model, paying, 1)
	for _, model := range v.shadow {
		write(model, all[model], 0)
	}
}

// candidates are the touches that count, of the first kind that has any.
func (o *oracle) candidates(e sent, v *oracleVersion, hours int64) []oracleTouch {
	for _, kind := range v.order {
		var found []oracleTouch
		switch kind {
		case "coupon":
			for _, m := range []string{"ann", "bob", "cal"} {
				now := o.s.asOf("o", m, at(hours))
				if e.text("coupon_code") != "" && now != nil && slices.Contains(now.CouponCodes, e.text("coupon_code")) {
					found = append(found, oracleTouch{hours, "", m})
				}
			}
		case "click":
			for _, c := range o.s.touches {
				if c.program == e.program() && e.text("click_id") == c.ClickID {
					found = append(found, oracleTouch{(c.Time - at(0)) / hour, c.ClickID, c.ReferrerID})
				}
			}
		default:
			for _, c := range o.s.touches {
				if c.program == e.program() && slices.Contains(o.links[e.key], c.visitor) {
					found = append(found, oracleTouch{(c.Time - at(0)) / hour, c.ClickID, c.ReferrerID})
				}
			}
		}
		found = slices.DeleteFunc(found, func(t oracleTouch) bool {
			return t.hours > hours || t.hours < hours-v.window || o.excluded(e, hours, t.referrer)
		})
		slices.SortFunc(found, func(a, b oracleTouch) int {
			return cmp.Or(cmp.Compare(a.hours, b.hours), cmp.Compare(a.click, b.click))
		})
		if len(found) > 0 {
			return found
		}
	}
	return nil
}

// weights are what each touch weighs by a model.
func weights(model string, touches []oracleTouch, half int64) []*big.Rat {
	n := len(touches)
	list := make([]*big.Rat, n)
	for i, t := range touches {
		list[i] = new(big.Rat)
		switch {
		case model == "linear", model == "first_click" && i == 0, model == "last_click" && i == n-1, n == 1:
			list[i].SetInt64(1)
		case model == "position_based" && n == 2:
			list[i].SetInt64(1)
		case model == "position_based" && (i == 0 || i == n-1):
			list[i] = big.NewRat(2, 5)
		case model == "position_based":
			list[i] = big.NewRat(1, 5*int64(n-2))
		case model == "time_decay":
			if rootsOfHalf[half] == nil {
				rootsOfHalf[half] = rootOfHalf(half)
			}
			power(rootsOfHalf[half], touches[n-1].hours-t.hours).Rat(list[i])
		}
	}
	return list
}

const oracleBits = 400

var rootsOfHalf = map[int64]*big.Float{}

// rootOfHalf is the n-th root of 1/2, by halving the interval that it lies in.
func rootOfHalf(n int64) *big.Float {
	low, high, half := new(big.Float).SetPrec(oracleBits).SetFloat64(0.5), new(big.Float).SetPrec(oracleBits).SetInt64(1), big.NewFloat(0.5)
	for range oracleBits - 20 {
		middle := new(big.Float).SetPrec(oracleBits).Add(low, high)
		middle.Mul(middle, half)
		if power(middle, n).Cmp(half) < 0 {
			low = middle
		} else {
			high = middle
		}
	}
	return high
}

func power(x *big.Float, n int64) *big.Float {
	y := new(big.Float).SetPrec(oracleBits).SetInt64(1)
	for range n {
		y.Mul(y, x)
	}
	return y
}

// splitBy gives each the floor of its exact part, and what is left one by one by
// the largest remainder, the earlier first.
func splitBy(total int64, weights []*big.Rat) []int64 {
	all := new(big.Rat)
	for _, w := range weights {
		all.Add(all, w)
	}
	parts, left := make([]int64, len(weights)), total
	if all.Sign() == 0 {
		return parts
	}
	rest := make([]*big.Rat, len(weights))
	order := make([]int, len(weights))
	for i, w := range weights {
		exact := new(big.Rat).Mul(new(big.Rat).SetInt64(total), w)
		exact.Quo(exact, all)
		parts[i], order[i] = floorOf(exact), i
		rest[i] = exact.Sub(exact, new(big.Rat).SetInt64(parts[i]))
		left -= parts[i]
	}
	slices.SortStableFunc(order, func(a, b int) int { return rest[b].Cmp(rest[a]) })
	for _, i := range order[:left] {
		parts[i]++
	}
	return parts
}
