package attribution

import (
	"time"

	"github.com/grapevinehq/grapevine/pipeline/money"
	"github.com/grapevinehq/grapevine/pipeline/program"
)

// Referrer is one referrer of a decision, with what touches of theirs counted.
type Referrer struct {
	ID      string `cbor:"1,keyasint"`
	Touches uint32 `cbor:"2,keyasint"`
	First   int64  `cbor:"3,keyasint"` // the earliest touch, milliseconds since the epoch
	Last    int64  `cbor:"4,keyasint"` // the newest touch
}

// Allocation is what one model gives: PPM[i] is the credit of the i-th referrer
// of the decision, and all of them add up to Whole.
type Allocation struct {
	Model program.Model `cbor:"1,keyasint"`
	PPM   []int64       `cbor:"2,keyasint"`
}

// Amounts splits an amount over the referrers by their credits (§4).
func (a Allocation) Amounts(amountMinor int64) []int64 { return money.Split(amountMinor, a.PPM) }

// referrers groups touches, which are in order, by referrer: in the order of
// each one's earliest touch, which is the order of ties. owner[i] is the place
// of the i-th touch's referrer.
func referrers(touches []Touch) (list []Referrer, owner []int) {
	place := make(map[string]int, len(touches))
	owner = make([]int, len(touches))
	for i, t := range touches {
		p, ok := place[t.ReferrerID]
		if !ok {
			p = len(list)
			place[t.ReferrerID] = p
			list = append(list, Referrer{ID: t.ReferrerID, First: t.Time})
		}
		list[p].Touches++
		list[p].Last = t.Time
		owner[i] = p
	}
	return list, owner
}

// allocate gives credit by a model to touches and adds it up by referrer.
func allocate(model program.Model, touches []Touch, owner []int, n int, halfLife time.Duration) Allocation {
	a := Allocation{Model: model, PPM: make([]int64, n)}
	for i, ppm := range Share(model, touches, halfLife) {
		a.PPM[owner[i]] += ppm
	}
	return a
}
