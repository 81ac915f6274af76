package access_test

import (
	"context"
	"errors"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/ClickHouse/clickhouse-go/v2"
	"github.com/ClickHouse/clickhouse-go/v2/lib/driver"

	"github.com/grapevinehq/grapevine/analytics/access"
	"github.com/grapevinehq/grapevine/analytics/quote"
	"github.com/grapevinehq/grapevine/internal/enginetest"
	"github.com/grapevinehq/grapevine/internal/generated"
)

//go:generate go test . -run ^Test.*_on_record$ -update

// wanted are an analyst and an owner, whose names try to break out of the statements.
func wanted() access.Wanted {
	w := access.Wanted{Database: "referral", Limits: limits, People: []access.Person{
		{Login: "acme__ana", OrgID: "acme", Programs: []string{"us-store"}},
		{Login: "o_x27___olaf", OrgID: `o'; DROP USER default; -- \`},
		{Login: "o_x27___zoe", OrgID: `o'; DROP USER default; -- \`, Programs: []string{`p') OR 1 --`, `\') OR 1 --`}},
	}, Passwords: map[string]string{}}
	for _, p := range w.People {
		w.Passwords[p.Login] = password(p.Login)
	}
	return w
}

// standing is a server on which ana and somebody else were made before.
func standing() access.Standing {
	return access.Standing{
		Users: map[string]bool{"default": false, "acme__ana": true, "acme__bob": true, "stranger": false},
		Policies: []access.Policy{
			{Name: "grapevine_referral/acme__ana", Database: "referral", Table: "clicks"},
			{Name: "grapevine_referral/acme__ana", Database: "referral", Table: "old_view"},
			{Name: "grapevine_referral/acme__bob", Database: "referral", Table: "clicks"},
		},
		Functions: []string{"numbers", "mergeTreeIndex", "mergeTreeProjection"},
		System:    []string{"tables", "columns", "one", "query_log", "parts"},
	}
}

// What is run is on record: what no engine here can carry out is at least read by one.
func TestStatements_are_those_on_record(t *testing.T) {
	statements, err := access.Statements(wanted(), standing())
	if err != nil {
		t.Fatal(err)
	}
	var shown strings.Builder
	for _, s := range statements {
		shown.WriteString(s.Shown + ";\n")
	}
	generated.UpToDate(t, "testdata/statements.sql", []byte(shown.String()), "./analytics/access")
	for _, p := range wanted().Passwords {
		if strings.Contains(shown.String(), p) {
			t.Errorf("password %s is shown", p)
		}
	}
	hash := regexp.MustCompile(`BY '[0-9a-f]{64}' SALT '[A-Z2-7]{26}'`)
	for _, s := range statements {
		if strings.Contains(s.Shown, "hidden") && !hash.MatchString(s.SQL) {
			t.Errorf("%s is not %s with a hash", s.SQL, s.Shown)
		}
	}
}

// ClickHouse reads each statement as the one statement that it is, and takes hostile
// names for names: what it makes of them says the same again.
func TestStatements_are_read_by_ClickHouse(t *testing.T) {
	addr, _ := enginetest.ClickHouse(t)
	db := clickhouse.OpenDB(&clickhouse.Options{Addr: []string{addr}})
	defer db.Close()
	statements, err := access.Statements(wanted(), standing())
	if err != nil {
		t.Fatal(err)
	}
	for _, s := range statements {
		var once, twice string
		if err := db.QueryRowContext(t.Context(), "SELECT formatQuerySingleLine("+quote.Text(s.SQL)+") AS q, formatQuerySingleLine(q)").Scan(&once, &twice); err != nil {
			t.Errorf("%s: %v", s.Shown, err)
		} else if once != twice {
			t.Errorf("%s\nis read as %s\nand then   %s", s.Shown, once, twice)
		}
	}
}

func TestStatements_touch_only_what_they_made(t *testing.T) {
	statements, err := access.Statements(wanted(), standing())
	if err != nil {
		t.Fatal(err)
	}
	var dropped []string
	for _, s := range statements {
		if strings.HasPrefix(s.SQL, "DROP") {
			dropped = append(dropped, s.SQL)
		}
	}
	want := []string{
		"DROP ROW POLICY IF EXISTS `grapevine_referral/probe` ON `_table_function`.`zeros`",
		"DROP USER IF EXISTS `acme__bob`",
		"DROP ROW POLICY IF EXISTS `grapevine_referral/acme__ana` ON `referral`.`old_view`",
		"DROP ROW POLICY IF EXISTS `grapevine_referral/acme__bob` ON `referral`.`clicks`",
	}
	if !slices.Equal(dropped, want) {
		t.Errorf("got  %q\nwant %q", dropped, want)
	}
	taken := standing()
	taken.Users["o_x27___olaf"] = false
	if _, err := access.Statements(wanted(), taken); err == nil || !strings.Contains(err.Error(), "a user o_x27___olaf that this command did not make") {
		t.Errorf("a name that is taken: %v", err)
	}
}

func TestStatements_name_what_is_wrong_with_passwords(t *testing.T) {
	w := wanted()
	delete(w.Passwords, "acme__ana") // keeps hers
	if _, err := access.Statements(w, standing()); err != nil {
		t.Errorf("a user who is there needs no password: %v", err)
	}
	delete(w.Passwords, "o_x27___zoe")
	w.Passwords["o_x27___olaf"] = "short"
	w.Passwords["acme__gone"] = "long-enough-password"
	w.Passwords["s3cret"] = "long-enough-password"
	_, err := access.Statements(w, standing())
	for _, want := range []string{
		"o_x27___zoe has no password", "the password of o_x27___olaf has less than 12 bytes",
		"there is a password of acme__gone, who has no access", "there is a password of what is no login",
	} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("got %v, want %s", err, want)
		}
	}
	if strings.Contains(err.Error(), "s3cret") || strings.Contains(err.Error(), "short") {
		t.Errorf("a password is told: %v", err)
	}
}

// asked is a server that takes every statement, but for one.
type asked struct {
	ran   []string
	fails string
	code  int32
	rows  uint64
	driver.Conn
}

func (a *asked) Exec(_ context.Context, query string, _ ...any) error {
	a.ran = append(a.ran, query)
	if a.fails != "" && strings.HasPrefix(query, a.fails) {
		return &clickhouse.Exception{Code: a.code, Message: "no writable storage"}
	}
	return nil
}

func (a *asked) QueryRow(context.Context, string, ...any) driver.Row { return counted{rows: a.rows} }

type counted struct {
	driver.Row
	rows uint64
}

func (c counted) Scan(into ...any) error { *into[0].(*uint64) = c.rows; return nil }

func TestApply_stops_where_it_must(t *testing.T) {
	statements, err := access.Statements(wanted(), standing())
	if err != nil {
		t.Fatal(err)
	}
	whole := &asked{rows: 1}
	if err := access.Apply(t.Context(), whole, statements); err != nil || len(whole.ran) != len(statements)-1 {
		t.Errorf("ran %d of %d: %v", len(whole.ran), len(statements)-1, err)
	}
	none := &asked{rows: 1, fails: "CREATE ROLE", code: 514}
	if err := access.Apply(t.Context(), none, statements); !errors.Is(err, access.ErrKeepsNoUsers) || len(none.ran) != 1 {
		t.Errorf("a server without storage: ran %q: %v", none.ran, err)
	}
	may := &asked{rows: 1, fails: "CREATE SETTINGS", code: 497}
	if err := access.Apply(t.Context(), may, statements); !errors.Is(err, access.ErrMayNot) {
		t.Errorf("a user without the right: %v", err)
	}
	blinding := &asked{rows: 0}
	err = access.Apply(t.Context(), blinding, statements)
	if last := blinding.ran[len(blinding.ran)-1]; !errors.Is(err, access.ErrOthersBlinded) || !strings.HasPrefix(last, "DROP ROW POLICY IF EXISTS `grapevine_referral/probe`") {
		t.Errorf("a server that blinds others: ran last %q: %v", last, err)
	}
	failing := &asked{rows: 1, fails: "ALTER USER", code: 62}
	if err := access.Apply(t.Context(), failing, statements); err == nil || regexp.MustCompile("[0-9a-f]{64}").MatchString(err.Error()) || !strings.Contains(err.Error(), "[hidden]") {
		t.Errorf("an error must not tell a hash: %v", err)
	}
}

// A users file holds hostile names as texts, and no name that would lose its policies.
func TestUsersFile_on_record(t *testing.T) {
	text, err := access.UsersFile(wanted(), true)
	if err != nil {
		t.Fatal(err)
	}
	generated.UpToDate(t, "testdata/users.xml", text, "./analytics/access")
	w := wanted()
	w.Database = "re.ferral"
	if _, err := access.UsersFile(w, true); err == nil {
		t.Error("a database with a dot is taken")
	}
}
