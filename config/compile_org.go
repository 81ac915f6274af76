package config

import (
	"maps"
	"slices"
	"strings"

	"github.com/grapevinehq/grapevine/config/strict"
	"github.com/grapevinehq/grapevine/pipeline/program"
)

// scope is what the programs of an org may refer to.
type scope struct {
	teams     map[ID]strict.Pos
	budgets   map[ID]strict.Pos
	budget    map[ID]*BudgetSpec
	segments  map[ID]strict.Pos
	programs  map[ID]strict.Pos
	templates map[ID]*strict.Node // without their id, ready to lie under a version
}

func (c *compiler) org(spec *OrgSpec) *program.Org {
	path := "orgs[" + string(spec.ID) + "]"
	out := &program.Org{
		ID: string(spec.ID), Name: spec.Name,
		Teams: map[string]program.Team{}, Budgets: map[string]*program.Budget{}, Programs: map[string]*program.Program{},
	}
	s := &scope{budget: map[ID]*BudgetSpec{}}
	s.teams = c.teams(spec, out, path)
	s.budgets = c.budgets(spec, out, path, s)
	s.segments = c.segments(spec, out, path)
	s.templates = c.templates(spec, s, path)
	once := c.distinct("program")
	for i := range spec.Programs {
		if c.over || c.problems.Full() {
			break
		}
		p := &spec.Programs[i]
		at := path + ".programs[" + string(p.ID) + "]"
		compiled := c.program(p, out.ID, s, at)
		if once.first(p.ID, p.Where("id"), at) {
			out.Programs[compiled.ID] = compiled
		}
	}
	s.programs = once.seen
	lookAtStats(out)
	c.access(spec, out, path, s)
	return out
}

func (c *compiler) teams(spec *OrgSpec, out *program.Org, path string) map[ID]strict.Pos {
	once := c.distinct("team")
	for i := range spec.Teams {
		t := &spec.Teams[i]
		if once.first(t.ID, t.Where("id"), path+".teams") {
			out.Teams[string(t.ID)] = program.Team{ID: string(t.ID), Name: t.Name}
		}
	}
	return once.seen
}

func (c *compiler) budgets(spec *OrgSpec, out *program.Org, path string, s *scope) map[ID]strict.Pos {
	once := c.distinct("budget")
	for i := range spec.Budgets {
		b := &spec.Budgets[i]
		at := path + ".budgets[" + string(b.ID) + "]"
		c.known(b.Team, s.teams, "team", b.Where("team"), at)
		if once.first(b.ID, b.Where("id"), at) {
			s.budget[b.ID] = b
			out.Budgets[string(b.ID)] = &program.Budget{
				ID: string(b.ID), Team: string(b.Team), Period: b.Period, LimitMinor: b.LimitMinor, Currency: string(b.Currency),
			}
		}
	}
	return once.seen
}

func (c *compiler) segments(spec *OrgSpec, out *program.Org, path string) map[ID]strict.Pos {
	once := c.distinct("segment")
	for i := range spec.Segments {
		g := &spec.Segments[i]
		at := path + ".segments[" + string(g.ID) + "]"
		when := c.expression(g.When, inSegment, g.Where("when"), at+".when")
		if once.first(g.ID, g.Where("id"), at) {
			out.Segments = append(out.Segments, program.Segment{ID: string(g.ID), Name: g.Name, When: when})
		}
	}
	return once.seen
}

// templates keeps the trees; each was decoded on its own already, so that one
// nobody uses is checked too.
func (c *compiler) templates(spec *OrgSpec, s *scope, path string) map[ID]*strict.Node {
	once := c.distinct("template")
	out := map[ID]*strict.Node{}
	for i := range spec.Templates {
		t := &spec.Templates[i]
		c.template(t, s, path+".templates["+string(t.ID)+"]")
		if once.first(t.ID, t.Where("id"), path+".templates") {
			out[t.ID] = t.Node().Without("id")
		}
	}
	return out
}

func (c *compiler) access(spec *OrgSpec, out *program.Org, path string, s *scope) {
	once := c.distinct("user")
	for i := range spec.Access {
		a := &spec.Access[i]
		at := path + ".access[" + string(a.User) + "]"
		once.first(a.User, a.Where("user"), at)
		switch {
		case a.Role == "analyst" && len(a.Programs) == 0:
			c.problems.Add(a.Where("programs"), at, "an analyst needs `programs`; an owner sees all of the org")
		case a.Role == "owner" && len(a.Programs) > 0:
			c.problems.Add(a.Where("programs"), at, "an owner sees every program of the org; leave `programs` out or make the role analyst")
		}
		c.noRepetition(texts(a.Programs), a.Where("programs"), at)
		programs := make([]string, 0, len(a.Programs))
		for _, id := range a.Programs {
			c.known(id, s.programs, "program", a.Where("programs"), at)
			programs = append(programs, string(id))
		}
		out.Access = append(out.Access, program.Access{User: string(a.User), Role: string(a.Role), Programs: programs})
	}
}

// known reports a reference to a thing that is not there.
func (c *compiler) known(id ID, in map[ID]strict.Pos, what string, at strict.Pos, path string) {
	if _, ok := in[id]; ok || id == "" || c.unread {
		return
	}
	c.unknown(id, slices.Collect(maps.Keys(in)), what, at, path)
}

// hints is how many problems are worth the search for what was meant.
const hints = 100

func (c *compiler) unknown(id ID, ids []ID, what string, at strict.Pos, path string) {
	if c.problems.Count() > hints {
		c.problems.Add(at, path, "there is no %s %q", what, id)
		return
	}
	words := make([]string, len(ids))
	for i, w := range ids {
		words[i] = string(w)
	}
	slices.Sort(words)
	hint := "; the org has none"
	if near := strict.Nearest(string(id), words); near != "" {
		hint = "; did you mean \"" + near + "\"?"
	} else if len(words) > 10 {
		hint = ""
	} else if len(words) > 0 {
		hint = "; the org has " + strings.Join(words, ", ")
	}
	c.problems.Add(at, path, "there is no %s %q%s", what, id, hint)
}
