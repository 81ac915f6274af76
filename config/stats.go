package config

import (
	"github.com/expr-lang/expr/ast"

	"github.com/grapevinehq/grapevine/pipeline/program"
)

// statNames are the members of `stats`.
var statNames = map[string]program.Stats{
	"conversions": program.StatConversions, "revenue_minor": program.StatRevenue,
	"unique_clicks": program.StatUniqueClicks, "last_conversion_at": program.StatLastConversion,
}

// statsOf tells which figures of `stats` an expression looks at. One that takes
// hold of `stats` in any other way than by a name may look at all of them.
func statsOf(root ast.Node) program.Stats {
	var s statsSeen
	ast.Walk(&root, &s)
	if s.whole > 0 {
		return program.AllStats
	}
	return s.named
}

// statsSeen counts every mention of `stats`, and takes back those that a name
// follows.
type statsSeen struct {
	named program.Stats
	whole int
}

// Visit looks at one node of the syntax tree.
func (s *statsSeen) Visit(node *ast.Node) {
	switch n := (*node).(type) {
	case *ast.IdentifierNode:
		if n.Value == "stats" || n.Value == "$env" {
			s.whole++
		}
	case *ast.MemberNode:
		of, isName := n.Node.(*ast.IdentifierNode)
		property, isConstant := n.Property.(*ast.StringNode)
		if isName && isConstant && of.Value == "stats" {
			s.named |= statNames[property.Value]
			s.whole--
		}
	}
}

// watchesClicks tells whether a segment or a grant of the org looks at
// stats.unique_clicks.
func watchesClicks(org *program.Org) bool {
	for i := range org.Segments {
		if org.Segments[i].When.Uses(program.StatUniqueClicks) {
			return true
		}
	}
	for _, p := range org.Programs {
		for _, v := range p.Versions {
			for _, r := range v.Rules {
				if r.Type == program.Grant && r.When.Uses(program.StatUniqueClicks) {
					return true
				}
			}
		}
	}
	return false
}
