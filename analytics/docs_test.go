package analytics

import (
	"fmt"
	"strings"
	"testing"

	"github.com/grapevinehq/grapevine/internal/generated"
)

//go:generate go test . -run TestDocs -update

// ours are tables that analysts have no use for: how the books are kept.
var ours = []string{"waiting_log", "archive", "changelog", "batches", "agreed", "installation", "configurations"}

const tablesPage = `# Tables and views

Every table and view in ClickHouse, with the meaning, unit and zone of every column as ` + "`DESCRIBE`" + ` has them. This page is made of the schema: ` + "`go generate ./analytics`" + `.

- **Views are exact at any moment**, after any crash, without FINAL: sums are parts of the tables' own files, and what changed later (a refund, a reward that was taken back) is netted where the view is asked.
- **Ask for an organisation and a program**: ` + "`WHERE org_id = … AND program_id = …`" + ` is what tables are sorted by, and what a view hands down to them.
- **Money** is in minor units (cents) of the currency that stands beside it. **Times** are UTC; a **day** is one of the program's time zone at that time. A conversion's figures stand on the day of the conversion,
  whatever happened to it since.
- Conversions *count* until they are cancelled or nothing is left of their amount.

`

func TestDocs_tables_are_those_of_the_schema(t *testing.T) {
	b := opened(t)
	var page strings.Builder
	page.WriteString(tablesPage)
	section := func(title, about, tables string) {
		fmt.Fprintf(&page, "## %s\n\n%s\n\n", title, about)
		each(t, b, `SELECT name, comment FROM system.tables WHERE database = currentDatabase() AND `+tables+` ORDER BY name`, nil, func(_ []string, table []any) {
			fmt.Fprintf(&page, "### %s\n\n%s.\n\n| column | type | what |\n|---|---|---|\n", table[0], table[1])
			each(t, b, `SELECT name, type, comment FROM system.columns WHERE database = currentDatabase() AND table = ? ORDER BY position`, table[:1], func(_ []string, c []any) {
				fmt.Fprintf(&page, "| `%s` | %s | %s |\n", c...)
			})
			page.WriteString("\n")
		})
	}
	list := "('" + strings.Join(ours, "', '") + "')"
	section("Views", "What to ask first.", "engine = 'View'")
	section("Tables", "What happened, row by row: what the views are made of.", "engine LIKE '%MergeTree' AND name != 'schema_version' AND name NOT IN "+list)
	section("How the books are kept", "What `rebuild`, `verify` and `backtest` need, and analysts do not.", "name IN "+list)
	generated.UpToDate(t, "../docs/tables.md", []byte(strings.TrimRight(page.String(), "\n")+"\n"), "./analytics")
}
