package reward

import "github.com/grapevinehq/grapevine/pipeline/program"

// rewards moves the per_conversion rewards without brackets to what the credit
// makes of them.
func (b *booking) rewards() {
	for _, rule := range b.passed {
		if rule.Type != program.PerConversion {
			continue
		}
		for i := range rule.Rewards {
			if r := &rule.Rewards[i]; b.mine(r) && len(r.Brackets) == 0 {
				b.plain(rule, r)
			}
		}
	}
	if !b.credit.Counts {
		b.reverseAll()
	}
}

func (b *booking) plain(rule *program.Rule, r *program.Reward) {
	state := b.entry.reward(rule.ID, r.ID)
	to := Amount(r, b.credit)
	if state != nil && state.wanted() > 0 && b.credit.Counts && !r.HasBasisPoints {
		return // a flat amount or quantity stays until the conversion no longer counts
	}
	if state == nil {
		if to == 0 {
			return // a part of 0 makes no event (§9 (25))
		}
		b.entry.Rewards = append(b.entry.Rewards, b.newReward(rule, r, b.period(rule)))
		state = &b.entry.Rewards[len(b.entry.Rewards)-1]
	}
	b.move(state, to, rule, b.own(), b.reason())
}

// reverseAll takes back what the conversion still has, of rules that the
// configuration no longer has too. Rewards with brackets follow their total.
func (b *booking) reverseAll() {
	for i := range b.entry.Rewards {
		if r := &b.entry.Rewards[i]; b.entry.part(r.Rule, r.ID) == nil {
			b.move(r, 0, b.rule(r.Rule), b.own(), ReasonVoid)
		}
	}
}

func (b *booking) reason() string {
	if b.credit.Counts {
		return ReasonReduced
	}
	return ReasonVoid
}

// rule finds a rule of the conversion's version, nil when it is gone.
func (b *booking) rule(id string) *program.Rule {
	if b.version == nil {
		return nil
	}
	for _, r := range b.version.Rules {
		if r.ID == id {
			return r
		}
	}
	return nil
}
