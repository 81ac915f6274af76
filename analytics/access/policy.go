package access

import (
	"cmp"
	"maps"
	"slices"
	"strings"

	"github.com/grapevinehq/grapevine/analytics/quote"
)

// rowPolicy is one entry of the statements: a condition on tables for some people.
type rowPolicy struct {
	name        string
	on          []Policy // the tables
	restrictive bool
	filter      string
	to          []string
}

func (p rowPolicy) sql() string {
	on := make([]string, len(p.on))
	for i, t := range p.on {
		on[i] = t.on()
	}
	to := make([]string, len(p.to))
	for i, login := range p.to {
		to[i] = quote.Name(login)
	}
	kind := "PERMISSIVE"
	if p.restrictive {
		kind = "RESTRICTIVE"
	}
	return "CREATE ROW POLICY OR REPLACE " + quote.Name(p.name) + " ON " + strings.Join(on, ", ") +
		" AS " + kind + " FOR SELECT USING " + p.filter + " TO " + strings.Join(to, ", ")
}

// policies are all row policies. Those of a person come in pairs with one condition: a
// permissive one alone would be widened by any other that holds for everybody, and a
// restrictive one alone shows nothing where a server wants a permissive one.
func (w Wanted) policies(s Standing) []rowPolicy {
	if len(w.People) == 0 {
		return nil
	}
	var out []rowPolicy
	everybody := func(database, filter string, tables ...string) {
		if len(tables) > 0 {
			out = append(out, rowPolicy{name: w.base(), on: named(w.base(), database, tables), restrictive: true, filter: filter, to: w.logins()})
		}
	}
	everybody(functionDatabase, "0", slices.Sorted(maps.Keys(but(set(s.Functions...), harmlessFunctions)))...)
	everybody(systemDatabase, "0", slices.Sorted(maps.Keys(but(set(s.System...), harmlessSystem)))...)
	shown := shownTables(w.Database)
	for _, table := range slices.Sorted(maps.Keys(shown)) {
		everybody(systemDatabase, shown[table], table)
	}
	for _, p := range w.People {
		for _, restrictive := range []bool{true, false} { // in this order nobody sees more in between
			out = append(out, w.ownRows(p, restrictive)...)
		}
	}
	return out
}

// ownRows are the policies of one kind of a person: one for each condition.
func (w Wanted) ownRows(p Person, restrictive bool) []rowPolicy {
	name := w.base() + "/" + p.Login
	if restrictive {
		name += "/only"
	}
	tables := make(map[string][]string)
	for _, table := range granted(Owners) {
		filter := p.filter(audience(table))
		tables[filter] = append(tables[filter], table)
	}
	var out []rowPolicy
	for _, filter := range slices.Sorted(maps.Keys(tables)) {
		out = append(out, rowPolicy{name: name, on: named(name, w.Database, tables[filter]), restrictive: restrictive, filter: filter, to: []string{p.Login}})
	}
	return out
}

func named(name, database string, tables []string) []Policy {
	out := make([]Policy, len(tables))
	for i, table := range tables {
		out[i] = Policy{Name: name, Database: database, Table: table}
	}
	return out
}

// leftOver are the policies that stand and are not made anew.
func (s Standing) leftOver(wanted []rowPolicy) []Policy {
	keep := make(map[Policy]bool)
	for _, p := range wanted {
		for _, on := range p.on {
			keep[on] = true
		}
	}
	out := slices.DeleteFunc(slices.Clone(s.Policies), func(p Policy) bool { return keep[p] })
	slices.SortFunc(out, func(a, b Policy) int {
		return cmp.Or(cmp.Compare(a.Name, b.Name), cmp.Compare(a.Database, b.Database), cmp.Compare(a.Table, b.Table))
	})
	return out
}
