package access_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/grapevinehq/grapevine/analytics"
	"github.com/grapevinehq/grapevine/analytics/access"
)

func TestAudiences_are_decided_for_the_whole_schema(t *testing.T) {
	for _, name := range analytics.TableNames() {
		if _, ok := access.Audiences[name]; !ok {
			t.Errorf("nobody decided who may see table %s", name)
		}
	}
	for _, name := range analytics.ViewNames() {
		if _, ok := access.ViewAudiences[name]; !ok {
			t.Errorf("nobody decided who may see view %s", name)
		}
	}
}

// What the people of programs.yaml see of every table and view, natively and over HTTP.
func TestPeople_see_their_programs_and_nothing_else(t *testing.T) {
	w := newWorld(t)
	t.Run("rows", w.rows)
	t.Run("tricks", w.tricks)
	t.Run("system tables", w.systemTables)
	t.Run("table functions", w.tableFunctions)
	t.Run("limits", w.limits)
	t.Run("passwords", w.passwords)
}

func (w *world) rows(t *testing.T) {
	programs := map[string][]string{"acme__ana": {"us-store"}, "acme__emma": {"eu-store", "partners"}, "acme__olaf": {"eu-store", "partners", "us-store"}}
	for login, programs := range programs {
		owner := login == "acme__olaf"
		for way, ask := range w.askers(t, login) {
			for name, audience := range relations() {
				if audience == access.Nobody || audience == access.Owners && !owner {
					if got := ask(t.Context(), "SELECT * FROM "+name+" LIMIT 1"); !strings.Contains(got, "Not enough privileges") {
						t.Errorf("%s over %s, %s: %q", login, way, name, got)
					}
					continue
				}
				query := "SELECT DISTINCT org_id, program_id FROM " + name + " WHERE program_id != '' ORDER BY 1, 2"
				if ofOrgs[name] {
					query = "SELECT DISTINCT org_id, '' FROM " + name + " ORDER BY 1, 2"
				}
				var want string // of all that there is, one's own
				for line := range strings.Lines(rowsAsText(t.Context(), w.admin, query)) {
					if org, program, _ := strings.Cut(strings.TrimSpace(line), "\t"); org == "acme" && (ofOrgs[name] || slices.Contains(programs, program)) {
						want += line
					}
				}
				if want == "" && !nothing[name] {
					t.Errorf("%s has no rows to see", name)
				}
				if got := ask(t.Context(), query); got != want {
					t.Errorf("%s over %s, %s: %q, want %q", login, way, name, got, want)
				}
			}
		}
	}
}

// ofOrgs have no column program_id, or have nothing in it.
var ofOrgs = map[string]bool{"present_budgets": true, "budget_usage": true}

// nothing are the views without a row for the rows of this test: whatever waits has come.
var nothing = map[string]bool{"waiting": true}

// relations are all tables and views with their audiences.
func relations() map[string]access.Audience {
	out := make(map[string]access.Audience)
	for _, name := range analytics.TableNames() {
		out[name] = access.Audiences[name]
	}
	for _, name := range analytics.ViewNames() {
		out[name] = access.ViewAudiences[name]
	}
	return out
}
