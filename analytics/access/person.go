package access

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/grapevinehq/grapevine/analytics/quote"
	"github.com/grapevinehq/grapevine/pipeline/program"
)

// Person is somebody who may log in.
type Person struct {
	Login string // name in ClickHouse, see [Login]
	OrgID string
	// Programs that an analyst sees, sorted; nil for an owner, who sees all of the org.
	Programs []string
}

// Owner says whether the person sees all of the org.
func (p Person) Owner() bool { return p.Programs == nil }

// People are all who have access, by login.
func People(catalog *program.Catalog) []Person {
	var out []Person
	for _, id := range slices.Sorted(maps.Keys(catalog.Orgs)) {
		for _, a := range catalog.Orgs[id].Access {
			p := Person{Login: Login(id, a.User), OrgID: id}
			if a.Role != "owner" {
				p.Programs = slices.Sorted(slices.Values(a.Programs))
				if p.Programs == nil {
					p.Programs = []string{} // an analyst of nothing is no owner
				}
			}
			out = append(out, p)
		}
	}
	slices.SortFunc(out, func(a, b Person) int { return cmp.Compare(a.Login, b.Login) })
	return out
}

// Login is the name of an org's user in ClickHouse: org__user. Users of two orgs may
// have one name. What is no letter, digit or dash of ASCII stands as _x and the
// hexadecimal digits of its bytes, closed by _, so that no two people have one login, and
// so that it can stand in a users file, where a name with a dot would lose its row
// policies, in a URL and in an environment variable. An underscore stays, unless it
// could be taken for something else.
func Login(org, user string) string {
	return escaped(org, true) + "__" + escaped(user, false)
}

func escaped(id string, first bool) string {
	var out strings.Builder
	for i := range len(id) {
		c := id[i]
		switch {
		case letter(c), follower(c) && (i > 0 || !first):
			out.WriteByte(c)
		case c == '_' && i > 0 && follower(id[i-1]) && i+1 < len(id) && follower(id[i+1]) && id[i+1] != 'x':
			out.WriteByte(c)
		default:
			fmt.Fprintf(&out, "_x%02X_", c)
		}
	}
	return out.String()
}

func letter(c byte) bool { return c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' }

// follower says whether a character stands for itself wherever it is not first.
func follower(c byte) bool { return letter(c) || c >= '0' && c <= '9' || c == '-' }

// filter is the condition of the rows that the person sees of a table or view with that
// audience.
func (p Person) filter(a Audience) string {
	org := "org_id = " + quote.Text(p.OrgID)
	switch {
	case p.Owner() && a != Nobody:
		return org
	case a == Analysts && len(p.Programs) > 0:
		programs := make([]string, len(p.Programs))
		for i, id := range p.Programs {
			programs[i] = quote.Text(id)
		}
		return org + " AND program_id IN (" + strings.Join(programs, ", ") + ")"
	}
	return "0"
}
