package config

import (
	"slices"

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

// lookAtStats notes in an org what of `stats` its segments and grants look at: by
// version the figures that conversions are filtered by, and whether rewards have
// to hear of clicks.
func lookAtStats(org *program.Org) {
	segments := make(map[string]program.Stats, len(org.Segments))
	for i := range org.Segments {
		if when := org.Segments[i].When; when != nil {
			segments[org.Segments[i].ID] = when.Stats
			org.WatchesClicks = org.WatchesClicks || when.Uses(program.StatUniqueClicks)
		}
	}
	for _, p := range org.Programs {
		for _, v := range p.Versions {
			for _, r := range v.Rules {
				if r.Type == program.Grant {
					org.WatchesClicks = org.WatchesClicks || r.When.Uses(program.StatUniqueClicks)
					continue
				}
				for _, id := range slices.Concat(r.Segments, r.ExceptSegments) {
					v.SegmentStats |= segments[id]
				}
			}
		}
	}
}
