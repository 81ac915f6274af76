package quote_test

import (
	"testing"

	"github.com/ClickHouse/clickhouse-go/v2"

	"github.com/grapevinehq/grapevine/analytics/quote"
	"github.com/grapevinehq/grapevine/internal/enginetest"
)

func TestMain(m *testing.M) { enginetest.Main(m) }

// Hostile texts come back from ClickHouse as they went in, as a value and as a name.
func TestQuotes_hold_whatever_they_hold(t *testing.T) {
	addr, _ := enginetest.ClickHouse(t)
	db := clickhouse.OpenDB(&clickhouse.Options{Addr: []string{addr}})
	defer db.Close()
	for _, text := range []string{
		`plain`, `it's`, `'; DROP TABLE clicks; --`, `\`, `\'`, `\\'`, "`", "\\`", `"`, `' OR 1 = 1 OR '`, `a\nb`, "a\nb", `\x41`, `\0`,
		`{q:String}`, `?`, `$1`, `/* */`, `-- x`, `ünïcödé`, `日本`, `👩‍🌾`, "\u202e", `%s`, `''`, "``",
	} {
		var value string
		if err := db.QueryRowContext(t.Context(), "SELECT "+quote.Text(text)).Scan(&value); err != nil || value != text {
			t.Errorf("%q as a text: %q, %v", text, value, err)
		}
		rows, err := db.QueryContext(t.Context(), "SELECT 1 AS "+quote.Name(text))
		if err != nil {
			t.Errorf("%q as a name: %v", text, err)
			continue
		}
		if names, err := rows.Columns(); err != nil || names[0] != text {
			t.Errorf("%q as a name: %q, %v", text, names, err)
		}
		rows.Close()
	}
}
