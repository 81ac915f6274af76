package access

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/xml"
	"fmt"

	"github.com/grapevinehq/grapevine/analytics/quote"
)

const usersFileHead = `<!-- Who may see what, written by grapevine access apply, for a ClickHouse that listens on
     loopback alone: user default has no password and may do everything. Keep it to
     yourself: it has hashes of passwords. -->
`

// UsersFile is the users file of the embedded ClickHouse with these users, which keeps
// none by itself. With hide it has no hashes of passwords.
func UsersFile(w Wanted, hide bool) ([]byte, error) {
	if !elementName.MatchString(w.Database) {
		return nil, fmt.Errorf("write a users file: a database %q cannot stand in it", w.Database)
	}
	if err := w.check(func(string) bool { return true }); err != nil {
		return nil, fmt.Errorf("write a users file: %w", err)
	}
	users := []element{node("default", leaf("password", ""), leaf("access_management", "1"), loopback())}
	for _, p := range w.People {
		users = append(users, w.userElement(p, hide))
	}
	document := node("clickhouse",
		node("profiles", node("default"), w.profileElement()),
		node("quotas", node("default")),
		node("roles", w.roleElement(Analysts), w.roleElement(Owners)),
		node("users", users...),
	)
	text, err := xml.MarshalIndent(document, "", "  ")
	if err != nil {
		return nil, fmt.Errorf("write a users file: %w", err)
	}
	return append([]byte(usersFileHead), append(text, '\n')...), nil
}

func loopback() element { return node("networks", leaf("ip", "127.0.0.1"), leaf("ip", "::1")) }

func (w Wanted) profileElement() element {
	profile := node(w.base())
	bounds := node("constraints")
	for _, l := range w.Limits.settings() {
		if l.value != "" {
			profile.in = append(profile.in, leaf(l.name, l.value))
		}
		if l.most != "" {
			bounds.in = append(bounds.in, node(l.name, leaf("min", l.least), leaf("max", l.most)))
		}
		if l.fixed {
			bounds.in = append(bounds.in, node(l.name, node("const")))
		}
	}
	profile.in = append(profile.in, bounds)
	return profile
}

func (w Wanted) roleElement(to Audience) element {
	grants := node("grants")
	for _, name := range granted(to) {
		grants.in = append(grants.in, leaf("query", "GRANT SELECT ON "+quote.Name(w.Database)+"."+quote.Name(name)))
	}
	return node(w.role(to), grants)
}

func (w Wanted) userElement(p Person, hide bool) element {
	sum := sha256.Sum256([]byte(w.Passwords[p.Login]))
	hash := hex.EncodeToString(sum[:])
	if hide {
		hash = hidden
	}
	filtered := func(name, filter string) element { return node(name, leaf("filter", filter)) }
	books := node(w.Database)
	for _, name := range granted(Owners) {
		books.in = append(books.in, filtered(name, p.filter(audience(name))))
	}
	shown := inOrder(shownTables(w.Database), filtered)
	denied := inOrder(but(embeddedFunctions, harmlessFunctions), func(name string, _ bool) element { return filtered(name, "0") })
	return node(p.Login,
		leaf("password_sha256_hex", hash),
		node("networks", leaf("ip", "::/0")),
		leaf("profile", w.base()),
		leaf("quota", "default"),
		node("grants", leaf("query", "GRANT "+quote.Name(w.roleOf(p)))),
		node("databases", books, node(systemDatabase, shown...), node(functionDatabase, denied...)),
	)
}

// hidden stands for what is not shown.
const hidden = "[hidden]"
