package access

import (
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"maps"
	"slices"
	"strings"

	"github.com/grapevinehq/grapevine/analytics/quote"
)

// Statement is one to run.
type Statement struct {
	SQL   string
	Shown string // what may be printed: without hashes of passwords
	// Probe marks a query that must count one row, see [ErrOthersBlinded].
	Probe bool
}

// Standing is what there is on a server already.
type Standing struct {
	Users     map[string]bool // by name; true if this made them for the database
	Policies  []Policy        // that this made for the database
	Functions []string        // table functions that need no grant
	System    []string        // tables of database system
}

// Policy is a row policy.
type Policy struct{ Name, Database, Table string }

func (p Policy) on() string { return quote.Name(p.Database) + "." + quote.Name(p.Table) }

// mark tells the users that this made from all others. It also stands in the log of
// their queries.
func (w Wanted) mark() string { return "made by grapevine access apply for database " + w.Database }

// Statements bring a server from what stands to what is wanted. They can be run again,
// they touch nothing that they have not made, and at no moment between them does anybody
// see more than before and after.
func Statements(w Wanted, s Standing) ([]Statement, error) {
	if err := s.check(w); err != nil {
		return nil, err
	}
	var out []Statement
	add := func(sql string) { out = append(out, Statement{SQL: sql, Shown: sql}) }
	for _, a := range []Audience{Analysts, Owners} {
		add("CREATE ROLE IF NOT EXISTS " + quote.Name(w.role(a)))
	}
	out = append(out, w.probe()...)
	add("CREATE SETTINGS PROFILE IF NOT EXISTS " + quote.Name(w.base()))
	add("ALTER SETTINGS PROFILE " + quote.Name(w.base()) + " SETTINGS " + w.limitList())
	for _, login := range s.gone(w) {
		add("DROP USER IF EXISTS " + quote.Name(login))
	}
	for _, p := range w.People {
		out = append(out, w.user(p, s))
	}
	policies := w.policies(s)
	for _, p := range policies {
		add(p.sql())
	}
	for _, a := range []Audience{Analysts, Owners} {
		add("GRANT " + w.grants(a) + " TO " + quote.Name(w.role(a)) + " WITH REPLACE OPTION")
	}
	for _, p := range w.People {
		add("GRANT " + quote.Name(w.roleOf(p)) + " TO " + quote.Name(p.Login) + " WITH REPLACE OPTION")
	}
	for _, p := range s.leftOver(policies) {
		add("DROP ROW POLICY IF EXISTS " + quote.Name(p.Name) + " ON " + p.on())
	}
	return out, nil
}

// limitList are the limits as they stand in the statement.
func (w Wanted) limitList() string {
	var out []string
	for _, l := range w.Limits.settings() {
		out = append(out, l.sql())
	}
	return strings.Join(out, ", ")
}

func (w Wanted) grants(to Audience) string {
	out := granted(to)
	for i, name := range out {
		out[i] = "SELECT ON " + quote.Name(w.Database) + "." + quote.Name(name)
	}
	return strings.Join(out, ", ")
}

// user makes a user who is not there, and corrects one who is: made anew, a user would
// be another one, and the policies of the first would not hold for them. Without a
// password a user keeps theirs.
func (w Wanted) user(p Person, s Standing) Statement {
	verb := "CREATE USER IF NOT EXISTS "
	if _, there := s.Users[p.Login]; there {
		verb = "ALTER USER "
	}
	with := func(hash, salt string) string {
		out := verb + quote.Name(p.Login)
		if hash != "" {
			out += " IDENTIFIED WITH sha256_hash BY " + quote.Text(hash) + " SALT " + quote.Text(salt)
		}
		return out + " DEFAULT ROLE ALL SETTINGS PROFILE " + quote.Name(w.base()) + ", log_comment = " + quote.Text(w.mark())
	}
	password, ok := w.Passwords[p.Login]
	if !ok {
		return Statement{SQL: with("", ""), Shown: with("", "")}
	}
	salt := rand.Text()
	sum := sha256.Sum256([]byte(password + salt))
	return Statement{SQL: with(hex.EncodeToString(sum[:]), salt), Shown: with(hidden, hidden)}
}

// gone are the users that this made and nobody wants any more.
func (s Standing) gone(w Wanted) []string {
	logins := w.logins()
	return slices.DeleteFunc(slices.Sorted(maps.Keys(s.Users)), func(login string) bool {
		return !s.Users[login] || slices.Contains(logins, login)
	})
}
