package access

import (
	"errors"
	"fmt"
	"slices"

	"github.com/grapevinehq/grapevine/analytics/quote"
)

// ErrOthersBlinded means that on this server a row policy for some hides the table from
// everybody who has none: also from the workers, who would take the books for empty.
var ErrOthersBlinded = errors.New("on this server a row policy for some hides a table from all others: set access_control_improvements.users_without_row_policies_can_read_rows to true")

// probe asks, on a table that nobody misses, whether a policy for some hides it from others.
func (w Wanted) probe() []Statement {
	zeros := Policy{Name: w.base() + "/probe", Database: functionDatabase, Table: "zeros"}
	policy := rowPolicy{name: zeros.Name, on: []Policy{zeros}, filter: "0", to: []string{w.role(Analysts)}}
	drop := "DROP ROW POLICY IF EXISTS " + quote.Name(zeros.Name) + " ON " + zeros.on()
	return []Statement{
		{SQL: policy.sql(), Shown: policy.sql()},
		{SQL: "SELECT count() FROM zeros(1)", Shown: "SELECT count() FROM zeros(1)", Probe: true},
		{SQL: drop, Shown: drop},
	}
}

// check tells whose names are taken, and what is wrong with the passwords.
func (s Standing) check(w Wanted) error {
	var problems []error
	for _, login := range w.logins() {
		if ours, there := s.Users[login]; there && !ours {
			problems = append(problems, fmt.Errorf("ClickHouse has a user %s that this command did not make for database %s", login, w.Database))
		}
	}
	needs := func(login string) bool { _, there := s.Users[login]; return !there }
	problems = append(problems, w.check(needs))
	return errors.Join(slices.DeleteFunc(problems, func(err error) bool { return err == nil })...)
}
