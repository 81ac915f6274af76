package member

import (
	"cmp"
	"slices"
	"sort"

	"github.com/grapevinehq/grapevine/pipeline/event"
)

// Update is one update of a member as it is remembered: all there was to know
// of the member from its time on.
type Update struct {
	Time      int64 `cbor:"1,keyasint"`           // the event's own, ms since the epoch
	Partition int   `cbor:"2,keyasint,omitempty"` // where it stands in the topic
	Offset    int64 `cbor:"3,keyasint,omitempty"`

	Status        event.Status      `cbor:"4,keyasint,omitempty"`
	Segments      []string          `cbor:"5,keyasint,omitempty"`
	Attributes    []event.Attribute `cbor:"6,keyasint,omitempty"`
	EmailHash     string            `cbor:"7,keyasint,omitempty"`
	Locale        string            `cbor:"8,keyasint,omitempty"`
	Currency      string            `cbor:"9,keyasint,omitempty"`
	ReferralCodes []string          `cbor:"10,keyasint,omitempty"` // as listed, also those of others
	CouponCodes   []string          `cbor:"11,keyasint,omitempty"`
}

// Namespace tells referral codes and coupon codes apart: equal ones of the two
// have nothing to do with each other.
type Namespace byte

// The namespaces of codes.
const (
	Referral Namespace = 'r'
	Coupon   Namespace = 'c'
)

// Namespaces are all of them.
var Namespaces = [...]Namespace{Referral, Coupon}

// Codes are those that the update lists.
func (u *Update) Codes(ns Namespace) []string {
	if ns == Coupon {
		return u.CouponCodes
	}
	return u.ReferralCodes
}

// Lists tells whether the update lists a code, matched exactly.
func (u *Update) Lists(ns Namespace, code string) bool {
	return slices.Contains(u.Codes(ns), code)
}

// History is what is known of one member, over time.
type History struct {
	MemberID string
	Updates  []Update // by time, one at each time; see [NewHistory]
}

// NewHistory orders updates by their own time. Of several at the same time the
// one later in partition order stands.
func NewHistory(memberID string, updates []Update) *History {
	slices.SortFunc(updates, func(a, b Update) int {
		return cmp.Or(cmp.Compare(a.Time, b.Time), cmp.Compare(a.Partition, b.Partition), cmp.Compare(a.Offset, b.Offset))
	})
	kept := updates[:0]
	for _, u := range updates {
		if n := len(kept); n > 0 && kept[n-1].Time == u.Time {
			kept[n-1] = u
			continue
		}
		kept = append(kept, u)
	}
	return &History{MemberID: memberID, Updates: kept}
}

// At is the update that holds at a time: the newest not later, or else the
// earliest (§9 (10)). It is nil for a member that nothing is known of.
func (h *History) At(ms int64) *Update {
	if i := h.indexAt(ms); i >= 0 {
		return &h.Updates[i]
	}
	return nil
}

func (h *History) indexAt(ms int64) int {
	if h == nil || len(h.Updates) == 0 {
		return -1
	}
	after := sort.Search(len(h.Updates), func(i int) bool { return h.Updates[i].Time > ms })
	return max(after-1, 0)
}
