package access_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/ClickHouse/clickhouse-go/v2"
	"github.com/ClickHouse/clickhouse-go/v2/lib/driver"

	"github.com/grapevinehq/grapevine/analytics"
	"github.com/grapevinehq/grapevine/analytics/access"
	"github.com/grapevinehq/grapevine/analytics/quote"
	"github.com/grapevinehq/grapevine/config"
	"github.com/grapevinehq/grapevine/internal/engine"
	"github.com/grapevinehq/grapevine/internal/enginetest"
)

const database = "referral"

// limits are small enough to be met.
var limits = access.Limits{Time: 10 * time.Second, Memory: 200 << 20, ResultRows: 1000, Queries: 5}

// world is a server with the books of two orgs, and the people of programs.yaml.
type world struct {
	server *engine.ClickHouse
	admin  driver.Conn
	people []access.Person
}

func password(login string) string { return "pass-word-of-" + login }

// newWorld starts a server with the users file, the schema and a row of each program in
// every table.
func newWorld(t *testing.T) *world {
	t.Helper()
	catalog, err := config.LoadPrograms("../../programs.yaml")
	if err != nil {
		t.Fatal(err)
	}
	w := &world{people: access.People(catalog)}
	wanted := access.Wanted{Database: database, People: w.people, Limits: limits, Passwords: map[string]string{}}
	for _, p := range w.people {
		wanted.Passwords[p.Login] = password(p.Login)
	}
	text, err := access.UsersFile(wanted, false)
	if err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(t.TempDir(), "users.xml")
	if err := os.WriteFile(file, text, 0o600); err != nil {
		t.Fatal(err)
	}
	w.server = enginetest.ClickHouseAlone(t, engine.ClickHouseOptions{UsersFile: file, Database: database})
	books, err := analytics.Open(analytics.Options{Addr: []string{w.server.Addr}, Database: database})
	if err != nil {
		t.Fatal(err)
	}
	defer books.Close()
	if err := books.Migrate(t.Context()); err != nil {
		t.Fatal(err)
	}
	w.admin = w.login(t, "default", "")
	for _, name := range analytics.TableNames() {
		if access.Audiences[name] != access.Nobody {
			w.fill(t, name)
		}
	}
	return w
}

func (w *world) login(t *testing.T, user, password string) driver.Conn {
	t.Helper()
	conn, err := clickhouse.Open(&clickhouse.Options{
		Addr: []string{w.server.Addr}, Auth: clickhouse.Auth{Database: database, Username: user, Password: password},
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	return conn
}

// fill puts a row of each program, and one of each org alone, into a table. Every text
// tells whose it is.
func (w *world) fill(t *testing.T, table string) {
	t.Helper()
	rows, err := w.admin.Query(t.Context(), "SELECT name, type FROM system.columns WHERE database = ? AND table = ? AND default_kind IN ('', 'DEFAULT')", database, table)
	if err != nil {
		t.Fatal(err)
	}
	defer rows.Close()
	var columns, values []string
	for rows.Next() {
		var name, kind string
		if err := rows.Scan(&name, &kind); err != nil {
			t.Fatal(err)
		}
		columns, values = append(columns, quote.Name(name)), append(values, valueOf(table, name, kind))
	}
	programs := "arrayJoin([('acme', 'us-store'), ('acme', 'eu-store'), ('acme', 'partners'), ('acme', ''), ('globex', 'employees'), ('globex', '')])"
	statement := fmt.Sprintf("INSERT INTO %s (%s) SELECT %s FROM (SELECT %s AS of, number AS n FROM numbers(10)) SETTINGS insert_deduplicate = 0",
		quote.Name(table), strings.Join(columns, ", "), strings.Join(values, ", "), programs)
	if err := w.admin.Exec(t.Context(), statement); err != nil {
		t.Fatalf("fill %s: %v", table, err)
	}
}

// valueOf is a value that makes the row count in the views.
func valueOf(table, column, kind string) string {
	known := map[string]string{
		"org_id": "of.1", "program_id": "of.2", "time": "now64(3)", "conversion_time": "now64(3)", "ingested": "now64(3)", "taken_at": "now64(3)",
		"lease_until": "now64(3) + 3600", "day": "today()", "kafka_offset": "toInt64(n)", "currency": "'USD'", "role": "'referrer'",
		"beneficiary_role": "'referrer'", "kind": "'sale'", "status": "'approved'", "model": "'last_click'", "starts_at": "now64(3) - 86400",
		"ends_at": "now64(3) + 86400", "metric": "'conversions'", "period_kind": "'lifetime'", "tier_id": "''", "unit": "''", "locale": "''",
		"clicks.verdict": "'unique'", "conversions.verdict": "'attributed'", "rewards.event_type": "'earned'", "rewards.sequence": "toInt64(1)",
		"fulfillments.event_type": "'fulfilled'", "segment_events.event_type": "'entered'",
	}
	for _, name := range []string{table + "." + column, column} {
		if value, ok := known[name]; ok {
			return value
		}
	}
	switch {
	case strings.HasSuffix(kind, "String)") && !strings.ContainsAny(kind, "MAN"), kind == "String":
		return "concat(of.1, '/', of.2, '/', toString(n))"
	case strings.HasPrefix(kind, "Int"), strings.HasPrefix(kind, "UInt"):
		return "1"
	}
	return "defaultValueOfTypeName(" + quote.Text(kind) + ")"
}

// asker runs a query as somebody and returns what comes of it as text: rows or the error.
type asker func(ctx context.Context, query string) string

// askers are the ways to ask: natively and over HTTP.
func (w *world) askers(t *testing.T, login string) map[string]asker {
	t.Helper()
	native := w.login(t, login, password(login))
	return map[string]asker{
		"native": func(ctx context.Context, query string) string { return rowsAsText(ctx, native, query) },
		"http": func(ctx context.Context, query string) string {
			address := "http://" + w.server.HTTPAddr + "/?" + url.Values{"database": {database}}.Encode()
			request, err := http.NewRequestWithContext(ctx, http.MethodPost, address, strings.NewReader(query))
			if err != nil {
				return err.Error()
			}
			request.SetBasicAuth(login, password(login))
			answer, err := http.DefaultClient.Do(request)
			if err != nil {
				return err.Error()
			}
			defer answer.Body.Close()
			body, err := io.ReadAll(answer.Body)
			if err != nil {
				return err.Error()
			}
			return string(body)
		},
	}
}

func rowsAsText(ctx context.Context, conn driver.Conn, query string) string {
	rows, err := conn.Query(ctx, query)
	if errors.Is(err, io.EOF) { // a statement without a result
		return ""
	}
	if err != nil {
		return err.Error()
	}
	defer rows.Close()
	var out strings.Builder
	for rows.Next() {
		row := make([]any, len(rows.ColumnTypes()))
		for i, c := range rows.ColumnTypes() {
			row[i] = reflect.New(c.ScanType()).Interface()
		}
		if err := rows.Scan(row...); err != nil {
			return err.Error()
		}
		for i, v := range row {
			if i > 0 {
				out.WriteByte('\t')
			}
			fmt.Fprint(&out, reflect.ValueOf(v).Elem().Interface())
		}
		out.WriteByte('\n')
	}
	if err := rows.Err(); err != nil {
		return err.Error()
	}
	return out.String()
}
