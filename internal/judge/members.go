package judge

import (
	"cmp"
	"math"
	"slices"
)

// always is a cut after everything.
const always = math.MaxInt64

// update is what one update says of a member from its time on.
type update struct {
	*event
	gone   int64 // Kafka's time of the tombstone that took it away; always for none
	digest digest
}

func (u *update) banned() bool {
	return u != nil && u.texts["status"] == "banned"
}

func (u *update) locale() string {
	if u == nil {
		return ""
	}
	return u.texts["locale"]
}

// history is what is known of a member: its updates by their own time, one at each;
// of several at one time the one later in partition order (§9 (10)).
type history struct {
	id      string
	all     []*update // as they came
	updates []*update // those known now
}

// directory is the members of an org.
type directory struct {
	members map[string]*history
	listing map[code][]*history // who ever listed a code
	settled map[code]*tenures
}

// code is a code in its namespace: the field that lists it.
type code struct{ namespace, text string }

func (d *directory) add(u *update) {
	id := u.texts["member_id"]
	h := d.members[id]
	if h == nil {
		h = &history{id: id}
		d.members[id] = h
	}
	if u.tombstone {
		for _, before := range h.all {
			before.gone = min(before.gone, u.written)
		}
		h.updates = nil
		return
	}
	h.all = append(h.all, u)
	h.updates = ordered(append(h.updates, u))
	for _, namespace := range []string{"referral_codes", "coupon_codes"} {
		for _, text := range u.lists[namespace] {
			c := code{namespace, text}
			if !slices.Contains(d.listing[c], h) {
				d.listing[c] = append(d.listing[c], h)
			}
		}
	}
}

func ordered(updates []*update) []*update {
	slices.SortStableFunc(updates, func(a, b *update) int { return cmp.Compare(a.time, b.time) })
	kept := updates[:0]
	for _, u := range updates {
		if n := len(kept); n > 0 && kept[n-1].time == u.time {
			if kept[n-1].before(u.place) {
				kept[n-1] = u
			}
			continue
		}
		kept = append(kept, u)
	}
	return kept
}

// known is the history of what had been written to Kafka up to a cut.
func (h *history) known(cut int64) *history {
	if h == nil || cut == always {
		return h
	}
	before := &history{id: h.id}
	for _, u := range h.all {
		if u.written <= cut && u.gone > cut {
			before.updates = append(before.updates, u)
		}
	}
	before.updates = ordered(before.updates)
	return before
}

// index is that of the update that holds at a time: the newest not later, or else
// the earliest; -1 when there is none.
func (h *history) index(ms int64) int {
	if h == nil || len(h.updates) == 0 {
		return -1
	}
	at := 0
	for i, u := range h.updates {
		if u.time <= ms {
			at = i
		}
	}
	return at
}

func (h *history) at(ms int64) *update {
	if i := h.index(ms); i >= 0 {
		return h.updates[i]
	}
	return nil
}

func (t *trial) directory(org string) *directory {
	d := t.members[org]
	if d == nil {
		d = &directory{members: map[string]*history{}, listing: map[code][]*history{}, settled: map[code]*tenures{}}
		t.members[org] = d
	}
	return d
}

// memberAt is what was known of a member at a time, nil for nothing.
func (t *trial) memberAt(org, id string, ms, cut int64) *update {
	return t.directory(org).members[id].known(cut).at(ms)
}

// cuts are the moments between which knowledge of members grew, after a moment:
// whatever was decided then, was decided at one of them.
func (t *trial) cuts(org string, after int64, ids ...string) []int64 {
	d := t.directory(org)
	all := []int64{after}
	for _, id := range ids {
		if h := d.members[id]; h != nil {
			for _, u := range h.all {
				if u.written > after {
					all = append(all, u.written)
				}
				if u.gone > after && u.gone != always {
					all = append(all, u.gone)
				}
			}
		}
	}
	slices.Sort(all)
	return slices.Compact(all)
}
