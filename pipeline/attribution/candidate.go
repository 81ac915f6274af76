package attribution

import (
	"cmp"
	"slices"

	"github.com/grapevinehq/grapevine/pipeline/program"
)

// Candidate is a touch that was considered, and why it was skipped if it was.
type Candidate struct {
	Kind    program.CandidateKind `cbor:"1,keyasint"`
	Touch   Touch                 `cbor:"2,keyasint"`
	Skipped string                `cbor:"3,keyasint,omitempty"` // empty: it counts
}

// gather goes through the kinds in the configured order. The first that yields a
// touch that is not excluded decides; what the kinds after it have is kept as
// outranked, so that whoever asks why it was not theirs finds the answer. It
// returns all of them, and the touches that count, ordered by (time, click_id).
func (q *Question) gather() (considered []Candidate, touches []Touch) {
	for _, kind := range q.Settings.Order {
		var found []Candidate
		switch kind {
		case program.CandidateCoupon:
			found = q.coupon()
		case program.CandidateClick:
			found = q.click()
		case program.CandidateTouch:
			found = q.visited()
		}
		outranked := len(touches) > 0
		for _, c := range found {
			switch {
			case c.Skipped == "" && outranked:
				c.Skipped = Outranked
			case c.Skipped == "":
				touches = append(touches, c.Touch)
			}
			considered = append(considered, c)
		}
	}
	return considered, touches
}

// coupon makes one touch of a member's coupon code, at conversion time.
func (q *Question) coupon() []Candidate {
	if q.CouponCode == "" {
		return nil
	}
	c := Candidate{Kind: program.CandidateCoupon, Touch: Touch{Time: q.Time, ReferrerID: q.CouponOwner}}
	if q.CouponOwner == "" {
		c.Skipped = UnknownCoupon
	} else {
		c.Skipped = q.excluded(q.CouponOwner)
	}
	return []Candidate{c}
}

// click takes the touch of the conversion's click_id. A click_id is as unique
// as its producer made it: of several touches the newest one that counts is
// taken, and those before it are kept as skipped.
func (q *Question) click() []Candidate {
	if q.ClickID == "" {
		return nil
	}
	if len(q.Clicks) == 0 {
		return []Candidate{{Kind: program.CandidateClick, Touch: Touch{ClickID: q.ClickID}, Skipped: UnknownClick}}
	}
	var found []Candidate
	for _, t := range slices.Backward(ordered(q.Clicks)) {
		c := Candidate{Kind: program.CandidateClick, Touch: t}
		if q.inWindow(t) {
			c.Skipped = q.excluded(t.ReferrerID)
		} else {
			c.Skipped = OutsideWindow
		}
		found = append(found, c)
		if c.Skipped == "" {
			break
		}
	}
	return found
}

// visited takes every touch of the customer's visitors within the window.
func (q *Question) visited() []Candidate {
	var found []Candidate
	for _, t := range ordered(q.Touches) {
		if q.inWindow(t) {
			found = append(found, Candidate{Kind: program.CandidateTouch, Touch: t, Skipped: q.excluded(t.ReferrerID)})
		}
	}
	return found
}

// ordered sorts a copy by (time, click_id); the referrer makes the order total,
// so that no answer depends on the order in which touches were found.
func ordered(touches []Touch) []Touch {
	sorted := slices.Clone(touches)
	slices.SortFunc(sorted, func(a, b Touch) int {
		return cmp.Or(cmp.Compare(a.Time, b.Time), cmp.Compare(a.ClickID, b.ClickID), cmp.Compare(a.ReferrerID, b.ReferrerID))
	})
	return sorted
}
