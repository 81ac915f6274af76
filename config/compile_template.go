package config

import "github.com/grapevinehq/grapevine/pipeline/program"

// template checks what can be said of a template alone, so that one nobody uses
// yet is right, too. It need not be complete, and what fits together is seen in
// the versions that lie over it.
func (c *compiler) template(t *TemplateSpec, s *scope, path string) {
	rules := c.distinct("rule")
	for i := range t.Rules {
		r := &t.Rules[i]
		at := path + ".rules[" + string(r.ID) + "]"
		rules.first(r.ID, r.Where("id"), at)
		c.texts(r.Node().Get("name"), r.Name, at+".name")
		c.texts(r.Node().Get("message"), r.Message, at+".message")
		c.references(r, s, at)
		switch r.Type {
		case program.Grant:
			c.expression(r.When, inGrant, r.Where("when"), at+".when")
		case program.Tiers, program.PerConversion:
			c.expression(r.When, inRule, r.Where("when"), at+".when")
		}
		tiers := c.distinct("tier")
		for j := range r.Tiers {
			tier := &r.Tiers[j]
			within := at + ".tiers[" + string(tier.ID) + "]"
			tiers.first(tier.ID, tier.Where("id"), within)
			c.rewardIDs(tier.Rewards, within)
		}
		c.ascending(r.Tiers, at)
		c.rewardIDs(r.Rewards, at)
	}
}
