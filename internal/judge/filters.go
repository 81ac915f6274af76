package judge

import (
	"slices"
	"strings"
	"time"
)

// party is a referrer with its credit, and the rules whose filters it passes (§5).
// What turns on updates that came about when the conversion did or later is left to
// the books.
func (t *trial) party(c *catalog, e *event, made *conversion, s *custom, r credited, ppm int64) party {
	r.referrer = t.intern(r.referrer)
	out := party{credited: r, ppm: ppm}
	moments := append(t.cuts(e.org, e.written-t.onItsWay, r.referrer), always)
	for i, cut := range moments {
		m := t.memberAt(e.org, r.referrer, e.time, cut)
		out.locales = append(out.locales, m.locale())
		for _, of := range made.version.Rules {
			passes, gated := t.passes(c, of, made, s, r.referrer, m)
			passed := slices.Contains(out.rules, of)
			switch {
			case i == 0 && passes && !gated:
				out.rules = append(out.rules, of)
			case gated || i > 0 && passes != passed:
				out.rules = slices.DeleteFunc(out.rules, func(x *rule) bool { return x == of })
				if !slices.Contains(out.gated, of) {
					out.gated = append(out.gated, of)
				}
			}
		}
	}
	return out
}

// passes tells whether a conversion and its referrer pass the filters of a rule;
// gated that it turns on figures of the referrer at a moment that only the books know.
func (t *trial) passes(c *catalog, r *rule, made *conversion, s *custom, referrer string, m *update) (passes, gated bool) {
	first := func() bool {
		for kind, n := range s.counted {
			if n > 0 && (len(r.Kinds) == 0 || slices.Contains(r.Kinds, kind)) {
				return false
			}
		}
		return true
	}
	if r.Type == "grant" || len(r.Kinds) > 0 && !slices.Contains(r.Kinds, made.kind) || made.amount < r.Min || r.FirstOnly && !first() {
		return false, false
	}
	seen := map[string]any{"member": seenMember(referrer, m), "conversion": seenConversion(made), "program": seenProgram(made.org, made.program, made.version)}
	if !holds(r.when, seen) {
		return false, false
	}
	in := func(id string) (is, gated bool) {
		return segmentHolds(c.orgs[made.org].segments[id], id, referrer, m, nil)
	}
	if len(r.Segments) > 0 {
		anyIn, anyGated := false, false
		for _, id := range r.Segments {
			is, open := in(id)
			anyIn, anyGated = anyIn || is && !open, anyGated || open
		}
		if !anyIn && !anyGated {
			return false, false
		}
		gated = gated || !anyIn
	}
	for _, id := range r.Except {
		is, open := in(id)
		if is && !open {
			return false, false
		}
		gated = gated || open
	}
	return true, gated
}

// segmentHolds tells whether a member is in a segment; gated that its expression
// looks at figures, which were not given.
func segmentHolds(s *segment, id, member string, m *update, stats map[string]any) (is, gated bool) {
	if s == nil || s.when == nil {
		return m != nil && slices.Contains(m.lists["segments"], id), false
	}
	if stats == nil && strings.Contains(s.When, "stats") {
		return false, true
	}
	return holds(s.when, map[string]any{"member": seenMember(member, m), "stats": stats}), false
}

// seenMember is a member as expressions see it.
func seenMember(id string, m *update) map[string]any {
	seen := map[string]any{"id": id, "status": "", "locale": "", "segments": []string{}, "attributes": map[string]any{}}
	if m != nil {
		seen["status"], seen["locale"], seen["segments"] = m.or("status", "active"), m.texts["locale"], list(m.lists["segments"])
		if m.attributes != nil {
			seen["attributes"] = m.attributes
		}
	}
	return seen
}

func seenConversion(c *conversion) map[string]any {
	metadata := map[string]any{}
	for key, v := range c.metadata {
		metadata[key] = v
	}
	return map[string]any{"kind": c.kind, "name": c.name, "amount_minor": c.amount, "currency": c.version.Currency, "metadata": metadata}
}

func seenProgram(org, program string, v *version) map[string]any {
	return map[string]any{"org": org, "id": program, "currency": v.Currency, "timezone": v.zone.String()}
}

// seenTime is a time as expressions see it.
func seenTime(ms int64) string { return time.UnixMilli(ms).UTC().Format(time.RFC3339) }
