package config

import (
	"slices"
	"time"

	"github.com/grapevinehq/grapevine/config/strict"
	"github.com/grapevinehq/grapevine/pipeline/program"
)

// together checks what each alone is right and may not fit the rest: the rules
// of a version beside their program, its team, the org's budgets and the
// exchange rates.
func (c *compiler) together(v *VersionSpec, rules []*compiledRule, p *ProgramSpec, s *scope, path string) {
	for _, r := range rules {
		if b := s.budget[r.spec.Budget]; b != nil {
			at := path + ".rules[" + string(r.spec.ID) + "]"
			c.budgetsTeam(r.spec, b, p, at)
			c.budgetsCurrency(r, b, v, at)
		}
		c.localeFits(r, v, path)
	}
}

func (c *compiler) budgetsTeam(r *RuleSpec, b *BudgetSpec, p *ProgramSpec, path string) {
	switch {
	case b.Team == "" || b.Team == p.Team:
	case p.Team == "":
		c.problems.Warn(r.Where("budget"), path, "the budget %q belongs to the team %q, the program %q to none", b.ID, b.Team, p.ID)
	default:
		c.problems.Warn(r.Where("budget"), path, "the budget %q belongs to the team %q, the program %q to the team %q", b.ID, b.Team, p.ID, p.Team)
	}
}

// budgetsCurrency tells where there is no rate by which rewards are drawn: without
// one they are held.
func (c *compiler) budgetsCurrency(r *compiledRule, b *BudgetSpec, v *VersionSpec, path string) {
	if !r.money || v.Currency == "" || b.Currency == "" || v.Currency == b.Currency {
		return
	}
	first, known := c.rates[pair{v.Currency, b.Currency}]
	switch {
	case !known:
		c.problems.Warn(r.spec.Where("budget"), path, "the budget %q is in %s, the version in %s: every reward is held, for there is no exchange rate from %s to %s",
			b.ID, b.Currency, v.Currency, v.Currency, b.Currency)
	case first > v.ValidFrom.UnixMilli():
		c.problems.Warn(r.spec.Where("budget"), path, "the budget %q is in %s, the version in %s, and the first exchange rate is of %s: rewards for conversions before it are held",
			b.ID, b.Currency, v.Currency, time.UnixMilli(first).UTC().Format(time.RFC3339))
	}
}

// bounds warns of limits and budgets of money where there is none.
func (c *compiler) bounds(one *compiledRule, path string) {
	if one.money || !one.quantities {
		return
	}
	r := one.spec
	if r.Limit != nil && r.Limit.AmountMinor != nil {
		c.problems.Warn(r.Limit.KeyAt("amount_minor"), path, "`amount_minor` bounds money, and no reward of the rule is; `count` bounds quantities")
	}
	if r.Budget != "" {
		c.problems.Warn(r.Where("budget"), path, "a budget is of money, and no reward of the rule is: nothing is drawn")
	}
}

// worths says whether a rule gives money, and whether quantities.
func worths(r *RuleSpec) (money, quantities bool) {
	note := func(rewards []RewardSpec) {
		for i := range rewards {
			if rewards[i].Quantity != nil {
				quantities = true
			} else {
				money = true
			}
		}
	}
	note(r.Rewards)
	for i := range r.Tiers {
		note(r.Tiers[i].Rewards)
	}
	return money, quantities
}

// overVersions warns of a rule that adds up different things in one period: its
// sums go on over all versions, by its id.
func (c *compiler) overVersions(versions []mergedVersion, path string) {
	if len(versions) < 2 {
		return
	}
	type seen struct {
		*RuleSpec
		in *VersionSpec
	}
	first := map[ID]seen{}
	for _, v := range versions {
		for _, one := range v.rules {
			r := one.spec
			before, known := first[r.ID]
			if !known || r.ID == "" {
				first[r.ID] = seen{r, v.VersionSpec}
				continue
			}
			if at, what := adds(before.RuleSpec, before.in, r, v.VersionSpec); what != "" {
				c.problems.Warn(at, path+".rules["+string(r.ID)+"]", "adds up %s elsewhere, at %s: a period that spans both versions mixes them; give one of the rules another id",
					what, before.Where("id"))
			}
		}
	}
}

// adds says what two versions of a rule would add up and should not.
func adds(a *RuleSpec, in *VersionSpec, b *RuleSpec, of *VersionSpec) (at strict.Pos, what string) {
	if a.Type != b.Type {
		return strict.Pos{}, ""
	}
	if b.Type == program.Tiers && a.Metric != b.Metric && a.Metric != "" && b.Metric != "" {
		return b.Where("metric"), string(b.Metric) + " here and " + string(a.Metric)
	}
	sums := b.Type == program.Tiers && b.Metric == program.Revenue || hasBrackets(b)
	if sums && in.Currency != of.Currency && in.Currency != "" && of.Currency != "" {
		return of.Where("currency"), string(of.Currency) + " here and " + string(in.Currency)
	}
	return strict.Pos{}, ""
}

func hasBrackets(r *RuleSpec) bool {
	return slices.ContainsFunc(r.Rewards, func(w RewardSpec) bool { return len(w.Brackets) > 0 })
}
