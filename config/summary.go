package config

import (
	"cmp"
	"maps"
	"slices"

	"github.com/grapevinehq/grapevine/pipeline/program"
)

// Count says how much of everything a catalog, or one org of it, holds.
type Count struct {
	Org                       string
	Programs, Versions, Rules int
}

// Summary counts by org, sorted by id.
func Summary(catalog *program.Catalog) []Count {
	out := make([]Count, 0, len(catalog.Orgs))
	for org := range maps.Values(catalog.Orgs) {
		n := Count{Org: org.ID, Programs: len(org.Programs)}
		for p := range maps.Values(org.Programs) {
			n.Versions += len(p.Versions)
			for _, v := range p.Versions {
				n.Rules += len(v.Rules)
			}
		}
		out = append(out, n)
	}
	slices.SortFunc(out, func(a, b Count) int { return cmp.Compare(a.Org, b.Org) })
	return out
}
