package config

import (
	"cmp"
	"fmt"
	"maps"
	"slices"

	"github.com/grapevinehq/grapevine/pipeline/program"
)

// unsupported is the one table of what program files may say and this release
// does not carry out. `run` refuses a rule that needs an entry of it; what is
// carried out is taken off the table.
var unsupported = []struct {
	key  string // of the rule, for its line
	what string
	uses func(r *program.Rule, org *program.Org) bool
}{
	{"type", "type grant", func(r *program.Rule, _ *program.Org) bool { return r.Type == program.Grant }},
}

// Unsupported names every use of what this release does not carry out, by file
// and line, in their order. A declaration that no rule uses is none.
func Unsupported(catalog *program.Catalog) []program.Refusal {
	seen := map[program.Refusal]bool{}
	for _, org := range catalog.Orgs {
		for _, p := range org.Programs {
			for _, v := range p.Versions {
				for _, r := range v.Rules {
					refuse(r, org, p, seen)
				}
			}
		}
	}
	return slices.SortedFunc(maps.Keys(seen), func(a, b program.Refusal) int {
		return cmp.Or(cmp.Compare(a.File, b.File), cmp.Compare(a.Line, b.Line), cmp.Compare(a.Org, b.Org),
			cmp.Compare(a.Program, b.Program), cmp.Compare(a.Rule, b.Rule), cmp.Compare(a.What, b.What))
	})
}

func refuse(r *program.Rule, org *program.Org, p *program.Program, into map[program.Refusal]bool) {
	for _, entry := range unsupported {
		if !entry.uses(r, org) {
			continue
		}
		refusal := program.Refusal{File: r.File, Line: r.Line, Org: org.ID, Program: p.ID, Rule: r.ID, What: entry.what}
		if at, ok := r.Keys[entry.key]; ok {
			refusal.File, refusal.Line = at.File, at.Line
		}
		into[refusal] = true
	}
}

// UnsupportedError is what `run` stops with; nil when all can be carried out.
func UnsupportedError(refusals []program.Refusal) error {
	if len(refusals) == 0 {
		return nil
	}
	problems := &Problems{}
	for _, r := range refusals {
		problems.List = append(problems.List, Problem{Text: r.String()})
	}
	return fmt.Errorf("these rules are not carried out yet; take them out or keep them for a later release:\n%w", problems)
}
