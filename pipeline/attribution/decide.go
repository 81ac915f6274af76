package attribution

import (
	"slices"
	"strings"

	"github.com/grapevinehq/grapevine/pipeline/program"
)

// Decision answers a question.
type Decision struct {
	// Paying credits; no PPM when the conversion is unattributed.
	Paying Allocation
	// Shadow allocations pay nothing; a model of which nothing is left has none.
	Shadow    []Allocation
	Referrers []Referrer
	// Reason tells why a conversion is unattributed, or that it was bound.
	Reason string
	// Candidates are all that were considered, with why they were skipped.
	Candidates []Candidate
	// Binds is set when this conversion binds its customer from now on.
	Binds *Binding
}

// Attributed tells whether anybody has credit.
func (d *Decision) Attributed() bool { return len(d.Paying.PPM) > 0 }

// Reasons of a decision.
const (
	NoCandidate   = "no_candidate"             // no touch at all
	Bound         = "bound"                    // the customer's first attributed conversion decided
	NothingBinds  = "bound_referrers_excluded" // all referrers who were bound are excluded
	excludedFirst = "excluded:"                // followed by why each candidate was skipped
)

// Decide attributes one conversion. Binding goes before every candidate
// (§9 (19)).
func Decide(q Question) Decision {
	if q.Binding != nil && q.Settings.BindCustomer {
		return q.bound()
	}
	considered, touches := q.gather()
	d := Decision{Candidates: considered}
	if len(touches) == 0 {
		d.Reason = whyNone(considered)
		return d
	}
	binding := bind(q.Settings.Model, touches, &q)
	d.Referrers = binding.Referrers
	d.Paying = Allocation{q.Settings.Model, binding.credits(q.Settings.Model)}
	for _, m := range q.shadows() {
		d.Shadow = append(d.Shadow, Allocation{m, binding.credits(m)})
	}
	if q.Binding == nil {
		d.Binds = binding
	}
	return d
}

// bound gives a later conversion of a customer the credits that bind it,
// without excluded referrers. With no paying credit left it has no credits at
// all, shadow ones included (§9 (39)).
func (q *Question) bound() Decision {
	b := q.Binding
	d := Decision{Referrers: b.Referrers, Reason: Bound}
	excluded := make([]bool, len(b.Referrers))
	for i, r := range b.Referrers {
		why := q.excluded(r.ID)
		excluded[i] = why != ""
		d.Candidates = append(d.Candidates, Candidate{Kind: Bound, Touch: Touch{Time: r.Last, ReferrerID: r.ID}, Skipped: why})
	}
	paying, ok := b.without(b.Paying, excluded)
	if !ok {
		return Decision{Candidates: d.Candidates, Reason: NothingBinds}
	}
	d.Paying = Allocation{q.Settings.Model, paying}
	for _, m := range q.shadows() {
		if ppm, ok := b.without(m, excluded); ok {
			d.Shadow = append(d.Shadow, Allocation{m, ppm})
		}
	}
	return d
}

// shadows are the shadow models once each, without the paying one.
func (q *Question) shadows() []program.Model {
	var list []program.Model
	for _, m := range q.Settings.Shadow {
		if m != q.Settings.Model && !slices.Contains(list, m) {
			list = append(list, m)
		}
	}
	return list
}

// whyNone sums up why no candidate is left.
func whyNone(considered []Candidate) string {
	var why []string
	for _, c := range considered {
		if !slices.Contains(why, c.Skipped) {
			why = append(why, c.Skipped)
		}
	}
	if len(why) == 0 {
		return NoCandidate
	}
	slices.Sort(why)
	return excludedFirst + strings.Join(why, ",")
}
