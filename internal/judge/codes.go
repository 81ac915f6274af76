package judge

import (
	"cmp"
	"slices"
)

// tenures says who held a code, of those who ever listed it.
type tenures struct {
	claims []*claim
	losses []*update // that listed it while another held it
}

// claim is the part of one member: which updates hold the code, and since when.
type claim struct {
	*history
	since []int64 // by update; never where it does not hold the code
}

const never = int64(-1 << 63)

// owner is who held a code at a time, empty for nobody (§9 (11), (38)). Before its
// earliest update that one speaks for a member, so several may seem to hold it: it
// is theirs who took it first.
func (t *trial) owner(org string, c code, ms, cut int64) string {
	d := t.directory(org)
	settled := d.settled[c]
	if settled == nil || cut != always {
		settled = settle(c, d.listing[c], cut)
	}
	if cut == always {
		d.settled[c] = settled
	}
	owner, first := "", int64(0)
	for _, claim := range settled.claims {
		i := claim.index(ms)
		if i < 0 || claim.since[i] == never {
			continue
		}
		if since := claim.since[i]; owner == "" || since < first || since == first && claim.id < owner {
			owner, first = claim.id, since
		}
	}
	return owner
}

// settle goes through all updates by their own time: at one time codes are given up
// before they are taken, and the smaller member is first.
func settle(c code, histories []*history, cut int64) *tenures {
	type move struct {
		*claim
		i     int
		lists bool
	}
	out := &tenures{}
	var moves []move
	for _, h := range histories {
		k := h.known(cut)
		one := &claim{history: k}
		out.claims = append(out.claims, one)
		for i, u := range k.updates {
			one.since = append(one.since, never)
			moves = append(moves, move{one, i, slices.Contains(u.lists[c.namespace], c.text)})
		}
	}
	slices.SortFunc(moves, func(a, b move) int {
		rank := map[bool]int{true: 1}
		return cmp.Or(cmp.Compare(a.updates[a.i].time, b.updates[b.i].time), rank[a.lists]-rank[b.lists], cmp.Compare(a.id, b.id))
	})
	var owner *claim
	for _, m := range moves {
		switch {
		case !m.lists:
			if owner == m.claim {
				owner = nil
			}
		case owner == nil || owner == m.claim:
			owner = m.claim
			m.since[m.i] = m.updates[m.i].time
			if m.i > 0 && m.since[m.i-1] != never {
				m.since[m.i] = m.since[m.i-1]
			}
		default:
			out.losses = append(out.losses, m.updates[m.i])
		}
	}
	return out
}

// takenCodes expects a dead letter for every update that lists a code of another
// (§9 (11)). One may stand for an update that lost its code only as long as another
// one had not arrived.
func (t *trial) takenCodes() {
	for _, d := range t.members {
		for c, histories := range d.listing {
			if len(histories) < 2 {
				continue
			}
			for _, h := range histories {
				for _, u := range h.all {
					if slices.Contains(u.lists[c.namespace], c.text) {
						t.letters.allow(topicMembers, u.place, u.digest, "code_taken")
					}
				}
			}
			for _, u := range settle(c, histories, always).losses {
				t.letters.expect(topicMembers, u.place, u.digest, "code_taken")
			}
		}
	}
}
