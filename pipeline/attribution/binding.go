package attribution

import (
	"slices"

	"github.com/grapevinehq/grapevine/pipeline/money"
	"github.com/grapevinehq/grapevine/pipeline/program"
)

// Binding is the credit of a customer's first attributed conversion in a
// program, by every model: later conversions keep it (§4). It holds models that
// were not asked for then, so that a shadow model added later is bound by its
// own credits of that conversion too.
type Binding struct {
	Referrers []Referrer    `cbor:"1,keyasint"`
	Paying    program.Model `cbor:"2,keyasint"`
	// By has an allocation for every model, or none when there is one referrer,
	// who then has all credit by any model.
	By []Allocation `cbor:"3,keyasint,omitempty"`
}

// bind makes the binding of a decision.
func bind(paying program.Model, touches []Touch, q *Question) *Binding {
	list, owner := referrers(touches)
	b := &Binding{Referrers: list, Paying: paying}
	if len(list) == 1 {
		return b
	}
	for _, m := range Models {
		b.By = append(b.By, allocate(m, touches, owner, len(list), q.Settings.HalfLife))
	}
	return b
}

// credits is a model's allocation.
func (b *Binding) credits(m program.Model) []int64 {
	for _, a := range b.By {
		if a.Model == m {
			return a.PPM
		}
	}
	if len(b.Referrers) == 1 {
		return []int64{Whole}
	}
	return make([]int64, len(b.Referrers))
}

// without rescales a model's credits to Whole after the excluded referrers
// lost theirs (§9 (19)); ok is false when nothing is left.
func (b *Binding) without(m program.Model, excluded []bool) (ppm []int64, ok bool) {
	ppm = slices.Clone(b.credits(m))
	for i := range ppm {
		if excluded[i] {
			ppm[i] = 0
		}
	}
	ppm = money.Split(Whole, ppm)
	return ppm, slices.ContainsFunc(ppm, func(p int64) bool { return p > 0 })
}
