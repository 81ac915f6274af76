package access

import (
	"strings"

	"github.com/grapevinehq/grapevine/analytics/quote"
)

// systemDatabase holds what ClickHouse tells of itself.
const systemDatabase = "system"

// shownTables are the conditions of the rows that people see of system.tables and
// system.columns: of the books the views alone. A table of the books stands there with
// its rows and bytes, which are those of all orgs.
func shownTables(database string) map[string]string {
	views := viewNames()
	for i := range views {
		views[i] = quote.Text(views[i])
	}
	other := "database != " + quote.Text(database)
	in := " IN (" + strings.Join(views, ", ") + ")"
	return map[string]string{
		"tables":  other + " OR name" + in,
		"columns": other + " OR table" + in,
	}
}
