package reward

import (
	"slices"

	"github.com/grapevinehq/grapevine/pipeline/event"
	"github.com/grapevinehq/grapevine/pipeline/program"
)

// Grants are those that a member was given in an org.
type Grants struct {
	Given []Given `cbor:"1,keyasint,omitempty"`
}

// Given is one grant: it stays, whatever becomes of its condition.
type Given struct {
	Program string   `cbor:"1,keyasint"`
	Rule    string   `cbor:"2,keyasint"`
	Time    int64    `cbor:"3,keyasint"` // of the event that caused it, ms
	Rewards []Reward `cbor:"4,keyasint"`
}

func grantsKey(p Person) string { return event.PrefixedID("g/", p.OrgID, p.ID) }

func (g *Grants) of(programID, rule string) *Given {
	for i := range g.Given {
		if g.Given[i].Program == programID && g.Given[i].Rule == rule {
			return &g.Given[i]
		}
	}
	return nil
}

// give gives the grants of an org that a member does not have and whose condition
// holds, by the version of each program that is valid at a time.
func (t *Taking) give(rules *orgRules, in map[string]bool, env program.Env, at int64) {
	var first []step
	for _, p := range rules.grants {
		v, active := p.At(at)
		if !active {
			continue
		}
		env.Program = program.ProgramEnv(p.OrgID, p.ID, v.Currency, v.Zone.String())
		for _, rule := range v.Rules {
			given := t.ledgers.grants.read(grantsKey(t.person))
			if rule.Type == program.Grant && given.of(p.ID, rule.ID) == nil && deserved(rule, in, env) {
				first = append(first, t.grant(p, v, rule, at)...)
			}
		}
	}
	for _, s := range slices.Backward(first) {
		t.then(s)
	}
}

// deserved tells whether a grant's condition holds: its segment, its `when` and its
// filters by segment, as far as it has them.
func deserved(rule *program.Rule, in map[string]bool, env program.Env) bool {
	isIn := func(id string) bool { return in[id] }
	return (rule.Segment == "" || in[rule.Segment]) && rule.When.Holds(env) &&
		(len(rule.Segments) == 0 || slices.ContainsFunc(rule.Segments, isIn)) && !slices.ContainsFunc(rule.ExceptSegments, isIn)
}

// grant writes a grant down, and returns the steps that let its rewards through.
func (t *Taking) grant(p *program.Program, v *program.Version, rule *program.Rule, at int64) (steps []step) {
	key := grantsKey(t.person)
	given := Given{Program: p.ID, Rule: rule.ID, Time: at}
	c := cause{key: key, org: p.OrgID, program: p.ID, beneficiary: t.person.ID, role: event.RoleMember, conversionTime: at}
	for i := range rule.Rewards {
		r := &rule.Rewards[i]
		state := newReward(p, v, rule, r, PeriodName(rule.Period, at, v.Zone), at)
		given.Rewards = append(given.Rewards, state)
		ref, amount := c.ref(&state), r.AmountMinor
		if r.Quantity > 0 {
			amount = r.Quantity
		}
		steps = append(steps, func() bool { return t.settle(ref, amount, "") })
	}
	grants := t.ledgers.grants.write(key)
	grants.Given = append(grants.Given, given)
	return steps
}
