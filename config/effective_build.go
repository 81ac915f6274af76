package config

import (
	"cmp"
	"fmt"
	"reflect"
	"slices"

	"github.com/grapevinehq/grapevine/config/strict"
	"github.com/grapevinehq/grapevine/pipeline/program"
)

// effectiveBuilder makes an Effective.
type effectiveBuilder struct {
	programs  *Programs
	of        Selection
	out       *Effective
	defaults  map[string]*strict.Node    // as they are written
	templates map[*strict.Node]string    // the values of templates, and whose they are
	uses      map[string]map[string]bool // what the one program refers to
}

// Effective merges and fills in. It fails for a program that is not there.
func (p *Programs) Effective(of Selection) (*Effective, error) {
	b := &effectiveBuilder{
		programs: p, of: of,
		out:       &Effective{Revision: p.Catalog.Revision, origins: map[*strict.Node]Origin{}},
		templates: map[*strict.Node]string{},
		defaults:  map[string]*strict.Node{},
		uses:      map[string]map[string]bool{"teams": {}, "budgets": {}, "segments": {}, "currencies": {}},
	}
	if of.Program != "" && p.Catalog.Program(of.Org, of.Program) == nil {
		return nil, b.unknown()
	}
	var orgs []*strict.Node
	for _, org := range p.orgs {
		if of.Org == "" || of.Org == string(org.ID) {
			orgs = append(orgs, b.org(org))
		}
	}
	b.out.root = mapOf(
		"version", &strict.Node{Kind: strict.Int, Text: "1", Pos: p.parts[0].Where("version")},
		"exchange_rates", b.rates(),
		"bots", b.bots(),
		"orgs", listOf(orgs),
	)
	b.note(b.out.root, FromFile)
	return b.out, nil
}

// unknown says that there is no such program, and which might be meant.
func (b *effectiveBuilder) unknown() error {
	var known []string
	for id, org := range b.programs.Catalog.Orgs {
		for p := range org.Programs {
			known = append(known, id+"/"+p)
		}
	}
	asked := b.of.Org + "/" + b.of.Program
	if near := strict.Nearest(asked, known); near != "" {
		return fmt.Errorf("there is no program %s; did you mean %s?", asked, near)
	}
	return fmt.Errorf("there is no program %s", asked)
}

func (b *effectiveBuilder) org(spec *OrgSpec) *strict.Node {
	templates := map[ID]*strict.Node{}
	for i := range spec.Templates {
		t := &spec.Templates[i]
		copied := strict.Copy(t.Node().Without("id")) // its values are not those of an anchor elsewhere
		strict.Each(copied, func(n *strict.Node) { b.templates[n] = string(t.ID) })
		templates[t.ID] = copied
	}
	var programs []*strict.Node
	for i := range spec.Programs {
		p := &spec.Programs[i]
		if b.of.Program != "" && b.of.Program != string(p.ID) {
			continue
		}
		if node := b.program(p, templates[p.Template], spec); node != nil {
			programs = append(programs, node)
		}
	}
	for i := range spec.Budgets {
		if s := &spec.Budgets[i]; b.uses["budgets"][string(s.ID)] {
			b.use("teams", string(s.Team))
			b.use("currencies", string(s.Currency))
		}
	}
	var access *strict.Node
	if b.of.Program == "" {
		access = pick(spec.Access, nil, func(s *AccessSpec) (ID, *strict.Node) { return s.User, s.Node() })
	}
	return mapOf(
		"id", spec.Node().Get("id"),
		"name", spec.Node().Get("name"),
		"teams", pick(spec.Teams, b.used("teams"), func(s *TeamSpec) (ID, *strict.Node) { return s.ID, s.Node() }),
		"budgets", pick(spec.Budgets, b.used("budgets"), func(s *BudgetSpec) (ID, *strict.Node) { return s.ID, s.Node() }),
		"segments", pick(spec.Segments, b.used("segments"), func(s *SegmentSpec) (ID, *strict.Node) { return s.ID, s.Node() }),
		"access", access,
		"programs", listOf(programs),
	)
}

// program is nil when no version is asked for.
func (b *effectiveBuilder) program(spec *ProgramSpec, template *strict.Node, org *OrgSpec) *strict.Node {
	compiled := b.programs.Catalog.Program(string(org.ID), string(spec.ID))
	ordered := slices.SortedFunc(slices.Values(nodesOf(spec.Versions)), func(x, y *strict.Node) int {
		return cmp.Compare(validFrom(x), validFrom(y))
	})
	var wanted *program.Version
	if !b.of.At.IsZero() {
		v, active := compiled.At(b.of.At.UnixMilli())
		if !active {
			b.out.Inactive = append(b.out.Inactive, string(org.ID)+"/"+string(spec.ID))
			return nil
		}
		wanted = v
	}
	var versions []*strict.Node
	for i, node := range ordered {
		if wanted != nil && compiled.Versions[i] != wanted {
			continue
		}
		var next *strict.Node
		if i+1 < len(ordered) {
			next = ordered[i+1].Get("valid_from")
		}
		versions = append(versions, b.version(strict.Merge(template, node), next))
	}
	b.use("teams", string(spec.Team))
	return mapOf(
		"id", spec.Node().Get("id"),
		"name", spec.Node().Get("name"),
		"team", spec.Node().Get("team"),
		"versions", listOf(versions),
		"goals", spec.Node().Get("goals"),
	)
}

func validFrom(version *strict.Node) int64 {
	var at Time
	_ = at.UnmarshalText([]byte(version.Get("valid_from").Text)) // it was read before
	return at.UnixMilli()
}

// pick makes a list of the things that are used, of all when used is nil.
func pick[T any](things []T, used map[string]bool, of func(*T) (ID, *strict.Node)) *strict.Node {
	var nodes []*strict.Node
	for i := range things {
		if id, node := of(&things[i]); used == nil || used[string(id)] {
			nodes = append(nodes, node)
		}
	}
	return listOf(nodes)
}

func nodesOf(versions []VersionSpec) []*strict.Node {
	out := make([]*strict.Node, len(versions))
	for i := range versions {
		out[i] = versions[i].Node()
	}
	return out
}

func (b *effectiveBuilder) use(what, id string) { b.uses[what][id] = true }

// used is nil when all is asked for.
func (b *effectiveBuilder) used(what string) map[string]bool {
	if b.of.Program == "" {
		return nil
	}
	return b.uses[what]
}

// rates are those from or to a currency that is used.
func (b *effectiveBuilder) rates() *strict.Node {
	var nodes []*strict.Node
	used := b.used("currencies")
	for _, part := range b.programs.parts {
		for i := range part.ExchangeRates {
			if r := &part.ExchangeRates[i]; used == nil || used[string(r.From)] || used[string(r.To)] {
				nodes = append(nodes, r.Node())
			}
		}
	}
	return listOf(nodes)
}

func (b *effectiveBuilder) bots() *strict.Node {
	var networks, agents []*strict.Node
	for _, part := range b.programs.parts {
		for i := range part.Bots.Networks {
			networks = append(networks, part.Bots.Networks[i].Node())
		}
		for i := range part.Bots.UserAgents {
			agents = append(agents, part.Bots.UserAgents[i].Node())
		}
	}
	if len(networks)+len(agents) == 0 {
		return nil
	}
	return mapOf("networks", listOf(networks), "user_agents", listOf(agents))
}

// note keeps the origin of each value that is no map or list, or an empty one.
func (b *effectiveBuilder) note(n *strict.Node, layer Layer) {
	if _, known := b.out.origins[n]; !known && len(n.Items)+len(n.Pairs) == 0 {
		origin := Origin{Layer: layer, File: n.Pos.File, Line: n.Pos.Line, Column: n.Pos.Column}
		if template, is := b.templates[n]; is {
			origin.Layer, origin.Template = FromTemplate, template
		}
		b.out.origins[n] = origin
	}
	for i := range n.Pairs {
		below := layer
		if n.Pairs[i].Key == "versions" {
			below = FromVersion
		}
		b.note(n.Pairs[i].Value, below)
	}
	for _, item := range n.Items {
		b.note(item, layer)
	}
}

// mapOf makes a map of keys and values, without those that are nil or null.
func mapOf(pairs ...any) *strict.Node {
	out := &strict.Node{Kind: strict.Map}
	for i := 0; i < len(pairs); i += 2 {
		if value := pairs[i+1].(*strict.Node); value != nil && value.Kind != strict.Null {
			out.Pairs = append(out.Pairs, strict.Pair{Key: pairs[i].(string), Value: value})
		}
	}
	return strict.Arrange(out, reflect.TypeFor[any]())
}

// listOf is nil for no items.
func listOf(items []*strict.Node) *strict.Node {
	if len(items) == 0 {
		return nil
	}
	return &strict.Node{Kind: strict.List, Items: items}
}
