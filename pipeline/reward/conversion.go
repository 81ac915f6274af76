package reward

import "github.com/grapevinehq/grapevine/pipeline/program"

// rewards moves the per_conversion rewards without brackets to what the credit
// makes of them.
func (t *taking) rewards() {
	for _, rule := range t.rules() {
		if rule.Type != program.PerConversion {
			continue
		}
		for i := range rule.Rewards {
			if r := &rule.Rewards[i]; t.mine(r) && len(r.Brackets) == 0 {
				t.plain(rule, r)
			}
		}
	}
	if !t.credit.Counts {
		t.reverseAll()
	}
}

func (t *taking) plain(rule *program.Rule, r *program.Reward) {
	state := t.entry.reward(rule.ID, r.ID)
	to := Amount(r, t.credit)
	if state != nil && state.Net > 0 && t.credit.Counts && !r.HasBasisPoints {
		return // a flat amount or quantity stays until the conversion no longer counts
	}
	if state == nil {
		if to == 0 {
			return // a part of 0 makes no event (§9 (25))
		}
		t.entry.Rewards = append(t.entry.Rewards, t.newReward(rule, r, t.period(rule)))
		state = &t.entry.Rewards[len(t.entry.Rewards)-1]
	}
	t.move(state, to, rule, t.own(), t.reason())
}

// reverseAll takes back what the conversion still has, of rules that the
// configuration no longer has too. Rewards with brackets follow their total.
func (t *taking) reverseAll() {
	for i := range t.entry.Rewards {
		if r := &t.entry.Rewards[i]; t.entry.part(r.Rule, r.ID) == nil {
			t.move(r, 0, t.rule(r.Rule), t.own(), ReasonVoid)
		}
	}
}

func (t *taking) reason() string {
	if t.credit.Counts {
		return ReasonReduced
	}
	return ReasonVoid
}

// rule finds a rule of the conversion's version, nil when it is gone.
func (t *taking) rule(id string) *program.Rule {
	if t.version == nil {
		return nil
	}
	for _, r := range t.version.Rules {
		if r.ID == id {
			return r
		}
	}
	return nil
}
