package reward

import (
	"net/url"
	"strconv"
	"strings"

	"github.com/grapevinehq/grapevine/pipeline/event"
)

// cause is what a reward is for, and where its ledger keeps it: its beneficiary,
// its conversion, and of tiers the tier.
type cause struct {
	key                       string // of the value that holds the reward
	org, program, beneficiary string
	role                      event.Role
	conversion                string // empty for grants
	conversionTime            int64  // of a grant, the time of the event that caused it
	tier                      string
	occurrence                int64
	metric, threshold         string // of tiers, as a person reads them
}

// A ref is a text that says where a reward stands, in queues and to budgets: the
// key of the value that holds it, and then what tells the reward within, all of it
// escaped and joined by commas.
//
//	entry:  <key>,<rule>,<reward>
//	tier:   <key>,<tier>,<reward>,<occurrence>
//	step:   <key>,<reward>,<occurrence>
//	grants: <key>,<program>,<rule>,<reward>

const refJoint = ","

// ref says where a reward of the cause stands.
func (c *cause) ref(r *Reward) string {
	parts := []string{c.key}
	switch c.key[0] {
	case 'c':
		parts = append(parts, url.PathEscape(r.Rule), url.PathEscape(r.ID))
	case 't':
		parts = append(parts, url.PathEscape(c.tier), url.PathEscape(r.ID), strconv.FormatInt(c.occurrence, 10))
	case 'r':
		parts = append(parts, url.PathEscape(r.ID), strconv.FormatInt(c.occurrence, 10))
	default:
		parts = append(parts, url.PathEscape(c.program), url.PathEscape(r.Rule), url.PathEscape(r.ID))
	}
	return strings.Join(parts, refJoint)
}

// rewardID is the id of a reward of the cause.
func (c *cause) rewardID(r *Reward) string {
	switch {
	case c.tier != "":
		return TierID(c.org, c.program, r.Rule, c.tier, r.ID, r.Period, c.beneficiary, c.occurrence)
	case c.role == event.RoleMember:
		return GrantID(c.org, c.program, r.Rule, r.ID, c.beneficiary)
	}
	return ConversionID(c.org, c.program, r.Rule, r.ID, c.conversion, c.beneficiary)
}

// LedgerOf names the ledger that a ref is of.
func LedgerOf(ref string) (org, beneficiary string) {
	key, _, _ := strings.Cut(ref, refJoint)
	segments := segmentsOf(key)
	if len(segments) < 2 {
		return "", ""
	}
	return segments[0], segments[1]
}

// segmentsOf are those of a key after its kind, unescaped.
func segmentsOf(key string) []string {
	_, rest, _ := strings.Cut(key, "/")
	segments := strings.Split(rest, "/")
	for i := range segments {
		segments[i] = unescaped(segments[i])
	}
	return segments
}

func unescaped(s string) string {
	if plain, err := url.PathUnescape(s); err == nil {
		return plain
	}
	return s // never: the ledger escaped it
}
