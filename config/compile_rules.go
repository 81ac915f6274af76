package config

import (
	"github.com/grapevinehq/grapevine/config/strict"
	"github.com/grapevinehq/grapevine/pipeline/program"
)

// compiledRule is a rule as it is written, template included, and compiled.
type compiledRule struct {
	spec              *RuleSpec
	rule              *program.Rule
	money, quantities bool // what it gives
}

// ruleKey finds a rule that was compiled for an org already: ten thousand
// programs share those of a template.
type ruleKey struct {
	node *strict.Node
	in   *scope
}

// rulesOf compiles the rules of a version.
func (c *compiler) rulesOf(version *VersionSpec, s *scope, path string) []*compiledRule {
	once := c.distinct("rule")
	out := make([]*compiledRule, 0, len(version.Rules))
	c.lent += len(version.Rules)
	for i := range version.Rules {
		node := version.Rules[i].Node()
		if node == nil {
			continue // was no map
		}
		if c.merged > maxMerged || c.lent > maxLent {
			c.over = true
			c.problems.Add(version.Where(""), path, "with this version there are more than %d values or %d rules, what is inherited included; at most so many are compiled", maxMerged, maxLent)
			break
		}
		key := ruleKey{node, s}
		one := c.rules[key]
		if one == nil {
			one = c.compileRule(node, s, path+".rules"+strict.ItemName(node, i))
			c.rules[key] = one
		}
		once.first(one.spec.ID, one.spec.Where("id"), path+".rules["+string(one.spec.ID)+"]")
		out = append(out, one)
	}
	return out
}

func (c *compiler) compileRule(node *strict.Node, s *scope, path string) *compiledRule {
	c.merged += node.Values()
	one := &compiledRule{spec: &RuleSpec{}}
	c.whole.Decode(node, path, one.spec)
	one.rule = c.rule(one.spec, s, path)
	one.money, one.quantities = worths(one.spec)
	c.placeholders(one, path)
	c.bounds(one, path)
	return one
}
