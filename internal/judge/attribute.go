package judge

import (
	"slices"
)

// question is a conversion that asks for its credit.
type question struct {
	*event
	version  *version
	visitors []string // of its customer by then, its own among them
	bound    *allocation
	models   []string // that the program names in any version
	cut      int64    // what reached Kafka later is not known
}

// attribute answers with the credits of a conversion, nil for none; bound tells
// that they are those of the customer's first (contract §4).
func (t *trial) attribute(q *question) (a *allocation, bound bool) {
	excluded := func(referrer string) bool { return t.excluded(q, referrer) }
	if q.version.Attribution.Binding == "customer" && q.bound != nil {
		return q.bound.without(excluded), true
	}
	for _, kind := range q.version.Attribution.Order {
		var found []touch
		switch kind {
		case "coupon":
			found = t.couponTouch(q)
		case "click":
			found = t.clickTouch(q, excluded)
		case "touch":
			for _, visitor := range q.visitors {
				found = append(found, t.touches.find(name("visitor", q.org, q.program, visitor), 0)...)
			}
		}
		found = slices.DeleteFunc(found, func(x touch) bool { return !q.counts(x) || excluded(x.referrer) })
		if len(found) > 0 {
			return allocate(q.version.Attribution.Model, q.models, q.version.halfLife, found), false
		}
	}
	return nil, false
}

// counts tells whether a touch lies in the window, and was known.
func (q *question) counts(x touch) bool {
	return q.time-q.version.window <= x.time && x.time <= q.time && x.written <= q.cut
}

// excluded are the referrer who is the customer, by id or by email, and the banned.
func (t *trial) excluded(q *question, referrer string) bool {
	m := t.memberAt(q.org, referrer, q.time, q.cut)
	if referrer == q.texts["customer_id"] || m.banned() {
		return true
	}
	email := q.texts["email_hash"]
	return m != nil && email != "" && m.texts["email_hash"] == email
}

// couponTouch is the touch that a member's coupon code makes.
func (t *trial) couponTouch(q *question) []touch {
	text := q.texts["coupon_code"]
	if text == "" {
		return nil
	}
	owner := t.owner(q.org, code{"coupon_codes", text}, q.time, q.cut)
	if owner == "" {
		return nil
	}
	return []touch{{time: q.time, written: q.written, referrer: owner}}
}

// clickTouch is the newest touch of the conversion's click_id that counts.
func (t *trial) clickTouch(q *question, excluded func(string) bool) []touch {
	id := q.texts["click_id"]
	if id == "" {
		return nil
	}
	var newest []touch
	for _, x := range t.touches.find(name("click", q.org, q.program, id), 1) {
		if !q.counts(x) || excluded(x.referrer) {
			continue
		}
		if len(newest) == 0 || x.time > newest[0].time || x.time == newest[0].time && x.referrer > newest[0].referrer {
			newest = []touch{x}
		}
	}
	return newest
}
