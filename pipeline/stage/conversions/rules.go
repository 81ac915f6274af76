package conversions

import (
	"slices"

	"github.com/grapevinehq/grapevine/pipeline/attribution"
	"github.com/grapevinehq/grapevine/pipeline/event"
	"github.com/grapevinehq/grapevine/pipeline/program"
)

// parties are the beneficiaries of an attributed conversion, each with the
// rules that they passed: the credited referrers in the order of ties, then the
// referee, if any rule rewards them and a credited referrer passed it (§9 (23)).
func (d *decider) parties(
	e *entry, v *program.Version, answer *attribution.Decision, amount int64, s *standing,
) (shares []int64, parties []beneficiary) {
	c := &e.Conversion
	var passed []*program.Rule
	for i, ppm := range answer.Paying.PPM {
		if ppm == 0 {
			continue
		}
		id := answer.Referrers[i].ID
		m := d.facts.Members[memberName(c.OrgID, id, c.Time)]
		b := beneficiary{ID: id, Role: event.RoleReferrer, Index: len(shares), Locale: m.Locale}
		for _, r := range v.Rules {
			if d.passes(r, e, v, amount, s, id, m) {
				b.Rules = append(b.Rules, r.ID)
				if !slices.Contains(passed, r) {
					passed = append(passed, r)
				}
			}
		}
		slices.Sort(b.Rules)
		shares = append(shares, ppm)
		parties = append(parties, b)
	}
	referee := beneficiary{ID: c.CustomerID, Role: event.RoleReferee, Index: -1,
		Locale: d.facts.Members[memberName(c.OrgID, c.CustomerID, c.Time)].Locale}
	for _, r := range passed {
		if slices.ContainsFunc(r.Rewards, func(w program.Reward) bool { return w.To == program.ToReferee }) {
			referee.Rules = append(referee.Rules, r.ID)
		}
	}
	if len(referee.Rules) > 0 {
		slices.Sort(referee.Rules)
		parties = append(parties, referee)
	}
	return shares, parties
}

// passes tells whether a conversion and its referrer pass a rule's filters
// (§5). Grants go by members, not by conversions.
func (d *decider) passes(
	r *program.Rule, e *entry, v *program.Version, amount int64, s *standing, referrerID string, m Member,
) bool {
	c := &e.Conversion
	switch {
	case r.Type == program.Grant,
		r.Kinds != nil && !r.Kinds[c.Kind],
		amount < r.MinAmountMinor,
		r.FirstOnly && !s.first(r.Kinds):
		return false
	}
	if r.When == nil && len(r.Segments) == 0 && len(r.ExceptSegments) == 0 {
		return true
	}
	env := environment(c, v, amount, referrerID, m)
	in := func(segment string) bool { return d.inSegment(segment, c.OrgID, referrerID, m, env) }
	if len(r.Segments) > 0 && !slices.ContainsFunc(r.Segments, in) || slices.ContainsFunc(r.ExceptSegments, in) {
		return false
	}
	return r.When.Holds(env)
}

// first tells whether no conversion of these kinds counts yet (§9 (24)).
func (s *standing) first(kinds map[event.Kind]bool) bool {
	for kind, n := range s.Counted {
		if n > 0 && (kinds == nil || kinds[kind]) {
			return false
		}
	}
	return true
}

// inSegment tells whether a member is in a segment: given from outside with the
// member, or by the segment's own expression over the member and its figures.
func (d *decider) inSegment(id, orgID, memberID string, m Member, env program.Env) bool {
	segments := d.catalog.Orgs[orgID].Segments
	for i := range segments {
		s := &segments[i]
		if s.ID != id || s.When == nil {
			continue
		}
		seen := program.Env{Member: env.Member}
		if s.When.Uses(program.AllStats) {
			seen.Stats = d.facts.Stats[name(orgID, memberID)].environment()
		}
		return s.When.Holds(seen)
	}
	return slices.Contains(m.Segments, id)
}

// environment is what a rule's `when` sees.
func environment(c *event.Conversion, v *program.Version, amount int64, referrerID string, m Member) program.Env {
	metadata := make(map[string]any, len(c.Metadata))
	for _, p := range c.Metadata {
		metadata[p.Key] = p.Value
	}
	return program.Env{
		Member:     program.MemberEnv(referrerID, string(m.Status), m.Locale, m.Segments, program.AttributesEnv(m.Attributes)),
		Conversion: program.ConversionEnv(string(c.Kind), c.Name, amount, v.Currency, metadata),
		Program:    program.ProgramEnv(c.OrgID, c.ProgramID, v.Currency, v.Zone.String()),
	}
}
