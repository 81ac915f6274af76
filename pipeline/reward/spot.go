package reward

import (
	"strconv"
	"strings"

	"github.com/grapevinehq/grapevine/pipeline/event"
	"github.com/grapevinehq/grapevine/pipeline/program"
)

// spot is one reward as its ledger has it, with all that an event of it says.
type spot struct {
	cause
	*Reward
	configuration
	changed *bool     // of the value that holds it
	held    *TierHeld // of tiers
}

// configuration is what rules a reward now. Each part is nil when the
// configuration no longer has it.
type configuration struct {
	of      *program.Program
	version *program.Version // of the time of the conversion
	rule    *program.Rule
}

// configured finds what rules a reward of a conversion's time.
func (l *Ledgers) configured(org, programID, rule string, ms int64) (c configuration) {
	if c.of = l.catalog.Program(org, programID); c.of == nil {
		return c
	}
	c.version, _ = c.of.At(ms)
	for _, r := range c.version.Rules {
		if r.ID == rule {
			c.rule = r
		}
	}
	return c
}

// refShape tells refs apart: the kind of the value, how many segments its key has,
// and how many parts the ref.
type refShape struct {
	kind            byte
	segments, parts int
}

// find looks a reward up by its ref. ok is false when a value must be loaded
// first; found is false when there is no such reward, or not any more.
func (t *Taking) find(ref string) (s spot, found, ok bool) {
	parts := strings.Split(ref, refJoint)
	key, segments := parts[0], segmentsOf(parts[0])
	for i := range parts {
		parts[i] = unescaped(parts[i])
	}
	s.key, s.org, s.beneficiary, s.role = key, t.person.OrgID, t.person.ID, event.RoleReferrer
	switch shape := (refShape{key[0], len(segments), len(parts)}); shape {
	case refShape{'c', 5, 3}:
		found, ok = t.findEntry(&s, segments, parts)
	case refShape{'t', 5, 4}:
		found, ok = t.findTier(&s, segments, parts)
	case refShape{'r', 6, 3}:
		found, ok = t.findStep(&s, segments, parts)
	case refShape{'g', 2, 4}:
		found, ok = t.findGrant(&s, parts)
	default:
		return s, false, true // of a release that kept rewards elsewhere
	}
	if !ok || !found {
		return s, false, ok
	}
	if s.Parked && t.lacks(t.ledgers.members.want(nil, memberKey(t.person))...) {
		return s, false, false
	}
	s.configuration = t.ledgers.configured(s.org, s.program, s.Rule, s.conversionTime)
	if s.held != nil {
		s.metric, s.threshold = s.held.texts(s.currency())
	}
	return s, true, true
}

// currency is that of the reward's program.
func (s *spot) currency() string {
	if s.Currency == "" && s.version != nil {
		return s.version.Currency
	}
	return s.Currency
}

func (t *Taking) findEntry(s *spot, key, parts []string) (found, ok bool) {
	cell := t.ledgers.entries[s.key]
	if cell == nil {
		return false, !t.lacks(s.key)
	}
	s.program, s.conversion, s.role = key[2], key[3], event.Role(key[4])
	s.conversionTime, s.changed = cell.value.ConversionTime, &cell.changed
	s.Reward = cell.value.reward(parts[1], parts[2])
	return s.Reward != nil, true
}

func (t *Taking) findTier(s *spot, key, parts []string) (found, ok bool) {
	cell := t.ledgers.tallies[s.key]
	if cell == nil {
		return false, !t.lacks(s.key)
	}
	s.program, s.changed = key[2], &cell.changed
	held := cell.value.tier(parts[1])
	return held != nil && s.ofTier(held, parts[2], parts[3]), true
}

func (t *Taking) findStep(s *spot, key, parts []string) (found, ok bool) {
	cell := t.ledgers.steps[s.key]
	if cell == nil {
		return false, !t.lacks(s.key)
	}
	s.program, s.changed = key[2], &cell.changed
	return s.ofTier(&cell.value, parts[1], parts[2]), true
}

// ofTier takes the reward of a tier's occurrence; false when another occurrence
// stands by now.
func (s *spot) ofTier(held *TierHeld, reward, occurrence string) bool {
	if strconv.FormatInt(held.Occurrence, 10) != occurrence {
		return false
	}
	for i := range held.Rewards {
		if held.Rewards[i].ID == reward {
			s.Reward = &held.Rewards[i]
		}
	}
	if s.Reward == nil {
		return false
	}
	s.tier, s.occurrence = held.Tier, held.Occurrence
	s.conversion, s.conversionTime = held.ConversionID, held.ConversionTime
	s.held = held
	return true
}

func (t *Taking) findGrant(s *spot, parts []string) (found, ok bool) {
	cell := t.ledgers.grants[s.key]
	if cell == nil {
		return false, !t.lacks(s.key)
	}
	g := cell.value.of(parts[1], parts[2])
	if g == nil {
		return false, true
	}
	s.program, s.role, s.conversionTime, s.changed = parts[1], event.RoleMember, g.Time, &cell.changed
	for i := range g.Rewards {
		if g.Rewards[i].ID == parts[3] {
			s.Reward = &g.Rewards[i]
		}
	}
	return s.Reward != nil, true
}
