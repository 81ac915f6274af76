package analytics

import (
	"fmt"
	"path"
	"regexp"
	"strings"
	"testing"

	"github.com/grapevinehq/grapevine/internal/enginetest"
)

// Every migration meets the tables of the version before it with rows in them, those
// of every version so far; and what a worker did of it before it died, without noting
// it. No row is lost or changed, and every view counts all of them.
func TestMigrate_from_every_earlier_version_with_rows_in_it(t *testing.T) {
	addr, database := enginetest.ClickHouse(t)
	b, err := Open(Options{Addr: []string{addr}, Database: database})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { b.Close() })
	if err := b.createDatabase(t.Context()); err != nil {
		t.Fatal(err)
	}
	runner, err := b.migrations()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { runner.Close() })
	rows, n := map[string]int{}, int64(0) // that each table must have, and all together
	add := func(table string) { n, rows[table] = n+1, rows[table]+1; addRow(t, b, table, n) }
	for _, source := range runner.ListSources() {
		text, err := schema.ReadFile("schema/tables/" + path.Base(source.Path))
		if err != nil {
			t.Fatal(err)
		}
		_, own, _ := strings.Cut(strings.TrimSuffix(path.Base(source.Path), ".sql"), "_")
		for table := range rows {
			if strings.Contains(string(text), "ALTER TABLE "+table+"\n") || strings.Contains(string(text), "ALTER TABLE "+table+" ") {
				add(table)
			}
		}
		statements := statement.FindAllStringSubmatch(string(text), -1)
		if source.Version%2 == 0 {
			statements = statements[:1]
		}
		for _, s := range statements { // all of them, or the first one
			if err := b.conn.Exec(t.Context(), s[1]); err != nil {
				t.Fatalf("%s: %v", source.Path, err)
			}
		}
		if _, err := runner.UpTo(t.Context(), source.Version); err != nil {
			t.Fatal(err)
		}
		add(own)
	}
	if err := b.Migrate(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := b.Check(t.Context()); err != nil {
		t.Error(err)
	}
	for table, n := range rows {
		if got := one(t, b, "SELECT count() FROM "+table); got != fmt.Sprint(n) {
			t.Errorf("%s has %s rows, want %d", table, got, n)
		}
	}
	recounted(t, b)
}

var statement = regexp.MustCompile(`(?s)-- \+goose StatementBegin\n(.*?)-- \+goose StatementEnd`)

// told are values of columns, by their names or by the table and their name; %d is the
// number of the row.
var told = map[string]string{
	"org_id": "'acme'", "program_id": "'shop'", "lease_until": "'2100-01-01 00:00:00'", "kafka_offset": "%d", "batch": "%d", "time": "'2026-03-01 12:00:00'",
	"day": "'2026-03-01'", "conversion_id": "'c2'", "customer_id": "'k%d'", "kind": "'sale'", "amount_minor": "100", "currency": "'EUR'",
	"clicks.verdict": "'unique'", "visitor_id": "'v%d'", "referrer_id": "'m'", "conversions.verdict": "'attributed'", "conversions.conversion_id": "'c%d'",
	"conversions.order_id": "'o%d'", "program_version": "'2026'", "model": "'linear'", "paying": "1", "credit_ppm": "1000000", "touches": "1", "counts_after": "1", "counts": "1",
	"attributions.model": "'model-%d'", "credits.sequence": "%d", "role": "'referrer'", "beneficiary_id": "'m'",
	"credited_minor": "100", "reward_id": "'r%d'", "rewards.sequence": "1", "rewards.event_type": "'earned'", "status": "'approved'", "beneficiary_role": "'referrer'",
	"remaining_minor": "100", "conversion_time": "'2026-03-01 12:00:00'", "budget_id": "'b'", "fulfillments.event_type": "'fulfilled'", "segment_id": "'s'",
	"member_id": "'m'", "segment_events.event_type": "'entered'", "segment_events.sequence": "%d", "key": "'k%d'", "recorded_at": "'2026-03-01 12:00:00'",
	"goal_id": "'g%d'", "metric": "'revenue'", "target": "1000", "starts_at": "'2026-01-01'", "ends_at": "'2027-01-01'", "period_kind": "'month'", "limit_minor": "1000",
}

// addRow inserts the n-th row of all into a table, as the table is now.
func addRow(t *testing.T, b *Books, table string, n int64) {
	t.Helper()
	var columns, values []string
	for _, c := range ask(t, b, `SELECT name FROM system.columns WHERE database = currentDatabase() AND table = ? AND default_kind = ''`, table) {
		value, ok := told[table+"."+c]
		if !ok {
			value, ok = told[c]
		}
		if ok {
			columns, values = append(columns, c), append(values, strings.ReplaceAll(value, "%d", fmt.Sprint(n)))
		}
	}
	query := fmt.Sprintf("INSERT INTO %s (%s) VALUES (%s)", table, strings.Join(columns, ", "), strings.Join(values, ", "))
	if err := b.conn.Exec(t.Context(), query); err != nil {
		t.Fatalf("%s: %v", query, err)
	}
}
