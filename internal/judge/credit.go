package judge

import (
	"cmp"
	"math/big"
	"slices"
)

// credited is a referrer of a conversion with the touches that speak for it.
type credited struct {
	referrer    string
	touches     int64
	first, last int64
}

// allocation is what the models give: the referrers, the one of the earlier touch
// first, and the credit of each in parts per million, by model.
type allocation struct {
	referrers []credited
	ppm       map[string][]int64
	paying    string // the model that pays
}

// without takes the credit of excluded referrers away and rescales what is left
// (§9 (19)); a model of which nothing is left has none.
func (a *allocation) without(excluded func(referrer string) bool) *allocation {
	out := &allocation{ppm: map[string][]int64{}, paying: a.paying}
	var kept []int
	for i, r := range a.referrers {
		if !excluded(r.referrer) {
			kept = append(kept, i)
			out.referrers = append(out.referrers, r)
		}
	}
	for model, ppm := range a.ppm {
		left := make([]int64, len(kept))
		for j, i := range kept {
			left[j] = ppm[i]
		}
		out.ppm[model] = split(whole, left)
	}
	return out
}

func (a *allocation) pays() bool {
	return a != nil && slices.ContainsFunc(a.ppm[a.paying], func(n int64) bool { return n > 0 })
}

// allocate shares the credit of touches by each model.
func allocate(paying string, models []string, halfLife int64, touches []touch) *allocation {
	slices.SortFunc(touches, func(a, b touch) int {
		return cmp.Or(cmp.Compare(a.time, b.time), cmp.Compare(a.click, b.click), cmp.Compare(a.referrer, b.referrer))
	})
	a := &allocation{ppm: map[string][]int64{}, paying: paying}
	of := make([]int, len(touches)) // whose each touch is
	for i, t := range touches {
		at := slices.IndexFunc(a.referrers, func(r credited) bool { return r.referrer == t.referrer })
		if at < 0 {
			at = len(a.referrers)
			a.referrers = append(a.referrers, credited{referrer: t.referrer, first: t.time})
		}
		of[i] = at
		a.referrers[at].touches++
		a.referrers[at].last = t.time
	}
	for _, model := range models {
		ppm := make([]int64, len(a.referrers))
		if len(a.referrers) == 1 {
			ppm[0] = whole
		} else {
			for i, n := range share(whole, weights(model, halfLife, touches)) {
				ppm[of[i]] += n
			}
		}
		a.ppm[model] = ppm
	}
	return a
}

// weights are those of touches in order, the newest last.
func weights(model string, halfLife int64, touches []touch) []*big.Rat {
	n := len(touches)
	out := make([]*big.Rat, n)
	for i := range out {
		out[i] = new(big.Rat)
	}
	switch model {
	case "last_click":
		out[n-1].SetInt64(1)
	case "first_click":
		out[0].SetInt64(1)
	case "linear":
		for _, w := range out {
			w.SetInt64(1)
		}
	case "position_based":
		switch {
		case n <= 2:
			for _, w := range out {
				w.SetInt64(1)
			}
		default:
			for _, w := range out {
				w.SetFrac64(20, int64(n-2))
			}
			out[0].SetInt64(40)
			out[n-1].SetInt64(40)
		}
	case "time_decay":
		for i, t := range touches {
			out[i] = decayed(touches[n-1].time-t.time, halfLife)
		}
	}
	return out
}

// decayed is 2^(-age/halfLife), to some fifty digits: whole halvings, and for the
// rest of a half-life the binary digits of its part, each a root of a half.
func decayed(age, halfLife int64) *big.Rat {
	halvings := age / halfLife
	rest := big.NewRat(age%halfLife, halfLife)
	w := new(big.Float).SetPrec(precision).SetInt64(1)
	digits := new(big.Int).Lsh(rest.Num(), uint(len(roots)))
	digits.Div(digits, rest.Denom())
	for i, root := range roots {
		if digits.Bit(len(roots)-1-i) == 1 {
			w.Mul(w, root)
		}
	}
	if halvings > 4096 {
		return new(big.Rat) // beyond any part per million
	}
	w.SetMantExp(w, -int(halvings))
	exact, _ := w.Rat(nil)
	return exact
}

const precision = 200

// roots are 2^(-1/2), 2^(-1/4), 2^(-1/8) and so on.
var roots = func() (all []*big.Float) {
	root := new(big.Float).SetPrec(precision).SetFloat64(0.5)
	for range 160 {
		root = new(big.Float).Sqrt(root)
		all = append(all, root)
	}
	return all
}()
