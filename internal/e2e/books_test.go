package e2e

import (
	"fmt"
	"math/big"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/ClickHouse/clickhouse-go/v2"

	"github.com/grapevinehq/grapevine/internal/golden"
)

// query returns rows of the books by column: times in milliseconds, days as
// text, fractions in one notation.
func (w *world) query(text string, args ...any) []golden.Row {
	w.t.Helper()
	conn, err := clickhouse.Open(&clickhouse.Options{Addr: []string{w.clickHouse}, Auth: clickhouse.Auth{Database: w.database}})
	if err != nil {
		w.t.Fatal(err)
	}
	defer conn.Close() //nolint:errcheck // one query only
	rows, err := conn.Query(w.t.Context(), text, args...)
	if err != nil {
		w.t.Fatalf("%s: %v", text, err)
	}
	defer rows.Close() //nolint:errcheck // its error is Err
	var out []golden.Row
	for rows.Next() {
		types := rows.ColumnTypes()
		values := make([]any, len(types))
		for i, c := range types {
			values[i] = reflect.New(c.ScanType()).Interface()
		}
		if err := rows.Scan(values...); err != nil {
			w.t.Fatalf("%s: %v", text, err)
		}
		row := golden.Row{}
		for i, c := range types {
			row[c.Name()] = plain(values[i], strings.HasPrefix(c.DatabaseTypeName(), "Date32"))
		}
		out = append(out, row)
	}
	if err := rows.Err(); err != nil {
		w.t.Fatalf("%s: %v", text, err)
	}
	return out
}

// plain is a scanned value as the worked case writes it.
func plain(pointer any, day bool) any {
	v := reflect.ValueOf(pointer).Elem()
	if v.Kind() == reflect.Pointer {
		if v.IsNil() {
			return nil
		}
		v = v.Elem()
	}
	if at, ok := v.Interface().(time.Time); ok {
		if day {
			return at.Format(time.DateOnly)
		}
		return at.UnixMilli()
	}
	return rounded(v.Interface())
}

// rounded makes fractions of any notation comparable.
func rounded(v any) any {
	if v == nil {
		return nil
	}
	switch text := v.(type) {
	case float64, interface{ Float64() (float64, error) }: // a number of JSON, too
	case string:
		if !strings.ContainsAny(text, "./") || strings.Trim(text, "0123456789./-") != "" {
			return v
		}
	default:
		return v
	}
	if r, ok := new(big.Rat).SetString(fmt.Sprint(v)); ok && !r.IsInt() {
		return strings.TrimRight(r.FloatString(10), "0")
	} else if ok {
		return r.Num().String()
	}
	return v
}

// positions renames the columns of where a row came from as the case has them.
func positions(rows []golden.Row) []golden.Row {
	for _, r := range rows {
		for _, name := range []string{"topic", "partition", "offset"} {
			if v, ok := r["kafka_"+name]; ok {
				r[name] = v
			}
		}
	}
	return rows
}

// same tells every difference between rows, but not endlessly.
func same(t testing.TB, what string, want, got []golden.Row, key []string, ignore ...string) {
	t.Helper()
	differences := golden.Differences(want, got, key, ignore...)
	for i, d := range differences {
		if i == 8 {
			t.Errorf("%s: and %d more", what, len(differences)-i)
			return
		}
		t.Errorf("%s: %s", what, d)
	}
}
