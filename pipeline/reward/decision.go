package reward

import (
	"hash/fnv"
	"slices"

	"github.com/grapevinehq/grapevine/pipeline/event"
)

// decisionsKept is how many of a person's latest decisions a reward remembers, so
// that none is taken twice.
const decisionsKept = 8

// decide carries out a person's decision: it concerns all that remains of the
// reward (§9 (6), (40)).
func (t *Taking) decide(d *event.RewardDecision) bool {
	s, found, ok := t.decided(d)
	if !ok {
		return false
	}
	if !found {
		return true // another occurrence of the tier stands by now: this one has nothing left
	}
	id := decisionID(d)
	if slices.Contains(s.Decisions, id) {
		t.Repeated = true
		return true
	}
	if d.Decision == event.Approve {
		t.remember(&s, id)
		if s.Status == StatusPending {
			t.tell(&s, Approved, s.Net, decisionReason("approved", d))
		}
		return true
	}
	reason := "rejected"
	if d.Decision == event.Reverse {
		reason = "reversed"
	}
	if s.wanted() > 0 && !s.Final && !t.reduce(&s, s.wanted(), decisionReason(reason, d)) {
		return false
	}
	t.remember(&s, id)
	s.Final = true
	return true
}

func (t *Taking) remember(s *spot, id uint64) {
	s.Decisions = append(s.Decisions, id)
	s.Decisions = s.Decisions[max(0, len(s.Decisions)-decisionsKept):]
	*s.changed = true
}

func decisionID(d *event.RewardDecision) uint64 {
	h := fnv.New64a()
	_, _ = h.Write([]byte(event.JoinID(d.Source, d.EventID)))
	return h.Sum64()
}

// decisionReason says who decided, and why.
func decisionReason(what string, d *event.RewardDecision) string {
	if d.Actor != "" {
		what += " by " + d.Actor
	}
	if d.Reason != "" {
		what += ": " + d.Reason
	}
	return what
}

// decided finds the reward that a decision names.
func (t *Taking) decided(d *event.RewardDecision) (s spot, found, ok bool) {
	r := &Reward{Rule: d.RuleID, ID: d.Reward}
	c := cause{program: d.ProgramID, tier: d.TierID, occurrence: d.Occurrence}
	switch part := (&Part{Rule: d.RuleID, Period: d.Period}); {
	case d.TierID != "":
		c.key = tallyKey(t.person, d.ProgramID, part)
		if s, found, ok = t.find(c.ref(r)); !ok || found {
			break
		}
		c.key = stepKey(t.person, d.ProgramID, part, d.TierID)
		s, found, ok = t.find(c.ref(r))
	case d.Role == event.RoleMember:
		c.key = grantsKey(t.person)
		s, found, ok = t.find(c.ref(r))
	default:
		c.key = entryKey(t.person, d.ProgramID, d.ConversionID, d.Role)
		s, found, ok = t.find(c.ref(r))
	}
	return s, found && ok && s.rewardID(s.Reward) == d.RewardID, ok
}
