package member

import (
	"cmp"
	"math"
	"slices"
	"sort"
)

// Tenure says who holds a code from a time on, up to the next tenure. Owner is
// empty where nobody does.
type Tenure struct {
	From  int64
	Owner string
}

// Loss is an update that lists a code which another member held then: it is
// applied without the code (§9 (11)).
type Loss struct {
	MemberID string
	Update   *Update
	Owner    string // who held it
}

// Ledger is what became of one code.
type Ledger struct {
	Tenures []Tenure // by time; the first reaches back for ever
	Losses  []Loss   // in the order of the updates' times
}

// OwnerAt is who held the code at a time, empty where nobody did.
func (l *Ledger) OwnerAt(ms int64) string {
	after := sort.Search(len(l.Tenures), func(i int) bool { return l.Tenures[i].From > ms })
	if after == 0 {
		return ""
	}
	return l.Tenures[after-1].Owner
}

// claim is one history's part in a code: when it held it.
type claim struct {
	*History
	held  []bool  // by update: lists the code, and nobody else held it
	since []int64 // by update that is held: the first of the unbroken run
}

// holdsAt tells whether the update that is valid at a time is held, and since
// when (§9 (38)).
func (c *claim) holdsAt(ms int64) (since int64, ok bool) {
	i := c.indexAt(ms)
	if i < 0 || !c.held[i] {
		return 0, false
	}
	return c.since[i], true
}

// Settle finds who held a code when, from the histories of all who ever listed
// it, in any order.
//
// The updates are gone through by their own time. One that lists a free code
// takes it, one that lists the code of another goes without, and one of the
// owner that no longer lists it sets it free. At one time codes are given up
// before they are taken, and the smaller member id is first.
func Settle(ns Namespace, code string, histories []*History) Ledger {
	claims := make([]*claim, len(histories))
	for i, h := range histories {
		claims[i] = &claim{History: h, held: make([]bool, len(h.Updates)), since: make([]int64, len(h.Updates))}
	}
	ledger := Ledger{Losses: compete(ns, code, claims)}
	ledger.Tenures = tenures(claims)
	return ledger
}

// move is one update of one claim.
type move struct {
	claim *claim
	i     int
	lists bool
}

func (m move) update() *Update { return &m.claim.Updates[m.i] }

func compete(ns Namespace, code string, claims []*claim) (losses []Loss) {
	var owner *claim
	for _, m := range moves(ns, code, claims) {
		switch {
		case !m.lists:
			if owner == m.claim {
				owner = nil
			}
		case owner == nil || owner == m.claim:
			owner = m.claim
			m.claim.held[m.i] = true
			m.claim.since[m.i] = m.update().Time
			if m.i > 0 && m.claim.held[m.i-1] {
				m.claim.since[m.i] = m.claim.since[m.i-1]
			}
		default:
			losses = append(losses, Loss{MemberID: m.claim.MemberID, Update: m.update(), Owner: owner.MemberID})
		}
	}
	return losses
}

func moves(ns Namespace, code string, claims []*claim) (all []move) {
	for _, c := range claims {
		for i := range c.Updates {
			all = append(all, move{c, i, c.Updates[i].Lists(ns, code)})
		}
	}
	slices.SortFunc(all, func(a, b move) int {
		return cmp.Or(
			cmp.Compare(a.update().Time, b.update().Time),
			cmp.Compare(rank(a.lists), rank(b.lists)),
			cmp.Compare(a.claim.MemberID, b.claim.MemberID),
		)
	})
	return all
}

func rank(lists bool) int {
	if lists {
		return 1
	}
	return 0
}

// tenures asks, at every time at which anything changes, who holds the code.
// Before a member's earliest update that one holds for the member (§9 (10)), so
// several may seem to: the code is of the one who took it first.
func tenures(claims []*claim) (all []Tenure) {
	times := []int64{math.MinInt64}
	for _, c := range claims {
		for i := range c.Updates {
			times = append(times, c.Updates[i].Time)
		}
	}
	slices.Sort(times)
	for _, at := range slices.Compact(times) {
		owner := ownerAt(claims, at)
		if n := len(all); n == 0 || all[n-1].Owner != owner {
			all = append(all, Tenure{From: at, Owner: owner})
		}
	}
	return all
}

func ownerAt(claims []*claim, at int64) (owner string) {
	first, found := int64(0), false
	for _, c := range claims {
		since, ok := c.holdsAt(at)
		if !ok || found && (since > first || since == first && c.MemberID > owner) {
			continue
		}
		owner, first, found = c.MemberID, since, true
	}
	return owner
}
