package reward

import (
	"cmp"
	"maps"
	"math"
	"slices"

	"github.com/grapevinehq/grapevine/pipeline/program"
)

// Passage is a member's entering or leaving of a segment.
type Passage struct {
	OrgID     string `cbor:"1,keyasint"`
	MemberID  string `cbor:"2,keyasint"`
	SegmentID string `cbor:"3,keyasint"`
	Entered   bool   `cbor:"4,keyasint,omitempty"`
	Sequence  int64  `cbor:"5,keyasint"` // counts the member's passages of this segment from 1
	At        int64  `cbor:"6,keyasint"` // ms: the time of the event that caused it
}

// Rules are a configuration as ledgers ask it.
type Rules struct {
	catalog *program.Catalog
	orgs    map[string]*orgRules
}

// RulesOf returns the rules of a catalog. They remember what they found, so they
// are kept as long as the catalog decides; one goroutine at a time may use them.
func RulesOf(catalog *program.Catalog) *Rules {
	return &Rules{catalog: catalog, orgs: map[string]*orgRules{}}
}

// orgRules is what an org's configuration asks of each change of a member.
type orgRules struct {
	org    *program.Org
	grants []*program.Program // those with a grant in any version, by id
}

// org finds what an org asks; nil when it has neither segments nor grants.
func (l *Ledgers) org(id string) *orgRules {
	if found, ok := l.rules.orgs[id]; ok {
		return found
	}
	var found *orgRules
	if org := l.catalog.Orgs[id]; org != nil {
		rules := &orgRules{org: org}
		for _, p := range org.Programs {
			if grants(p) {
				rules.grants = append(rules.grants, p)
			}
		}
		slices.SortFunc(rules.grants, func(a, b *program.Program) int { return cmp.Compare(a.ID, b.ID) })
		if len(org.Segments)+len(rules.grants) > 0 {
			found = rules
		}
	}
	l.rules.orgs[id] = found
	return found
}

func grants(p *program.Program) bool {
	return slices.ContainsFunc(p.Versions, func(v *program.Version) bool {
		return slices.ContainsFunc(v.Rules, func(r *program.Rule) bool { return r.Type == program.Grant })
	})
}

// look compares the segments that a member is in with those that it was in, and
// gives the grants whose condition holds: after each input that changed the member
// or its stats. at is the time of that input.
func (t *Taking) look(at int64) bool {
	rules := t.ledgers.org(t.person.OrgID)
	key := memberKey(t.person)
	var missing []string
	missing = t.ledgers.members.want(missing, key)
	if rules == nil {
		m := t.ledgers.members.read(key)
		if m == nil || len(m.In) == 0 {
			return true
		}
		rules = &orgRules{org: &program.Org{}} // the segments are gone: who was in one left it
	}
	missing = t.ledgers.lifetimes.want(missing, lifetimeKey(t.person))
	missing = t.ledgers.grants.want(missing, grantsKey(t.person))
	if t.lacks(missing...) {
		return false
	}
	m := t.ledgers.members.read(key)
	if !m.Known && len(m.In) == 0 {
		return true
	}
	env := program.Env{Member: m.environment(t.person.ID), Stats: t.stats()}
	in := m.segments(rules.org, env)
	t.pass(in, at)
	if m.Known && !m.Banned {
		t.give(rules, in, env, at)
	}
	return true
}

// stats is `stats` as expressions see it.
func (t *Taking) stats() map[string]any {
	s := t.ledgers.lifetimes.read(lifetimeKey(t.person))
	revenue := int64(math.MaxInt64)
	if s.RevenueMinor.IsInt64() {
		revenue = s.RevenueMinor.Int64()
	}
	return program.StatsEnv(s.ConversionsPPM, revenue, t.ledgers.clicks[t.person], s.LastConversionAt)
}

// segments are those that a member is in: a known one alone.
func (m *Member) segments(org *program.Org, env program.Env) map[string]bool {
	in := map[string]bool{}
	if !m.Known {
		return in
	}
	for i := range org.Segments {
		s := &org.Segments[i]
		if s.When != nil && s.When.Holds(env) || s.When == nil && slices.Contains(m.Segments, s.ID) {
			in[s.ID] = true
		}
	}
	return in
}

// pass tells which segments a member entered and left.
func (t *Taking) pass(in map[string]bool, at int64) {
	key := memberKey(t.person)
	for i, s := range t.ledgers.members.read(key).In {
		if s.In != in[s.Segment] {
			now := &t.ledgers.members.write(key).In[i]
			now.In, now.Events = !s.In, s.Events+1
			t.passed(now, at)
		}
	}
	for _, id := range slices.Sorted(maps.Keys(in)) {
		known := func(s Membership) bool { return s.Segment == id }
		if m := t.ledgers.members.read(key); !slices.ContainsFunc(m.In, known) {
			m = t.ledgers.members.write(key)
			m.In = append(m.In, Membership{Segment: id, In: true, Events: 1})
			t.passed(&m.In[len(m.In)-1], at)
		}
	}
}

func (t *Taking) passed(s *Membership, at int64) {
	t.Passages = append(t.Passages, Passage{
		OrgID: t.person.OrgID, MemberID: t.person.ID, SegmentID: s.Segment, Entered: s.In, Sequence: s.Events, At: at,
	})
}
