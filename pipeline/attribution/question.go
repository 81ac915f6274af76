package attribution

import "github.com/grapevinehq/grapevine/pipeline/program"

// Touch is a click that can earn credit: unique and human.
type Touch struct {
	Time       int64  `cbor:"1,keyasint"` // milliseconds since the epoch
	ClickID    string `cbor:"2,keyasint"`
	ReferrerID string `cbor:"3,keyasint"`
}

// Member is what attribution must know of a referrer as of the conversion's
// time. The zero Member stands for one that is not known: a referrer need not
// be a member.
type Member struct {
	Banned    bool
	EmailHash string
}

// Question is one conversion to be attributed.
type Question struct {
	Time       int64 // the conversion's, milliseconds since the epoch
	CustomerID string
	EmailHash  string // the conversion's; empty when absent
	Settings   program.Attribution

	CouponCode  string // empty when absent
	CouponOwner string // the member who holds the code then; empty when nobody does
	ClickID     string // empty when absent
	Clicks      []Touch
	Touches     []Touch // of every visitor that is the customer's by then; any order, any time

	// Member tells what is known of a referrer as of Time.
	Member func(referrerID string) Member
	// Binding is what binds the customer in the program; nil when nothing does.
	Binding *Binding
}

// since is the earliest time of a touch that counts.
func (q *Question) since() int64 { return q.Time - q.Settings.Window.Milliseconds() }

func (q *Question) inWindow(t Touch) bool { return q.since() <= t.Time && t.Time <= q.Time }

// Why a candidate was skipped.
const (
	SelfReferral  = "self_referral"  // the referrer is the customer
	SameEmail     = "same_email"     // their email hashes are equal
	BannedMember  = "banned"         // the referrer is banned at the conversion's time
	OutsideWindow = "outside_window" // the click lies before the window or after the conversion
	UnknownCoupon = "unknown_coupon" // nobody holds the code
	UnknownClick  = "unknown_click"  // the program has no touch of that click_id
	Outranked     = "outranked"      // a kind that goes before its own in the order decided
)

// excluded says why a referrer may have no credit of this conversion, or "".
func (q *Question) excluded(referrerID string) string {
	if referrerID == q.CustomerID {
		return SelfReferral
	}
	m := q.Member(referrerID)
	switch {
	case m.EmailHash != "" && m.EmailHash == q.EmailHash:
		return SameEmail
	case m.Banned:
		return BannedMember
	}
	return ""
}
