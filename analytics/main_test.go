package analytics

import (
	"fmt"
	"maps"
	"os"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/grapevinehq/grapevine/internal/enginetest"
	"github.com/grapevinehq/grapevine/internal/golden"
	"github.com/grapevinehq/grapevine/pipeline"
)

// TestMain also tells of goroutines that outlive the books and the engines.
func TestMain(m *testing.M) {
	code := enginetest.Run(m)
	if err := goleak.Find(); code == 0 && err != nil {
		fmt.Fprintln(os.Stderr, err)
		code = 1
	}
	os.Exit(code)
}

// opened returns empty books in a database of the test's own.
func opened(t testing.TB) *Books {
	t.Helper()
	addr, database := enginetest.ClickHouse(t)
	return openedAt(t, Options{Addr: []string{addr}, Database: database})
}

func openedAt(t testing.TB, o Options) *Books {
	t.Helper()
	b, err := Open(o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := b.Close(); err != nil {
			t.Errorf("close: %v", err)
		}
	})
	if err := b.Migrate(t.Context()); err != nil {
		t.Fatal(err)
	}
	b.BelongTo("installation-1")
	return b
}

// batch are bounds that were made now.
func batch(number uint64, first, end int64) pipeline.Bounds {
	return pipeline.Bounds{
		Partition: pipeline.Partition{Topic: "referral.clicks", Incarnation: "incarnation-1", ID: 3},
		Number:    number, First: first, End: end, Time: time.Now().UnixMilli(), Revision: "r",
	}
}

// held is a lease that no test outlives.
func held() time.Time { return time.Now().Add(time.Minute) }

// values are the columns of a block by name.
type values map[string]any

// block completes the columns given by zero values of the right type.
func block(t testing.TB, b *Books, name string, rows int, given values) pipeline.Block {
	t.Helper()
	table, err := b.table(t.Context(), stored(name))
	if err != nil {
		t.Fatal(err)
	}
	out := pipeline.Block{Table: name, Rows: rows}
	added := []string{"kafka_incarnation", "batch", "ingested", "batch_partition", leaseColumn}
	for _, column := range slices.Sorted(maps.Keys(table.types)) {
		data, ok := given[column]
		if !ok {
			if slices.Contains(added, column) || !slices.Contains(table.required, column) {
				continue
			}
			data = zeroes(table.types[column], rows)
		}
		out.Columns = append(out.Columns, pipeline.Column{Name: column, Data: data})
	}
	return out
}

func zeroes(kind string, n int) any {
	switch {
	case kind == "Map(String, String)":
		return make([]map[string]string, n)
	case kind == "Array(String)":
		return make([][]string, n)
	case kind == "Array(UInt64)":
		return make([][]uint64, n)
	case kind == "Array(Int64)", strings.HasPrefix(kind, "Array(DateTime64"):
		return make([][]int64, n)
	case strings.Contains(kind, "String"):
		return make([]string, n)
	case kind == "Int32", kind == "Date32":
		return make([]int32, n)
	case kind == "UInt8":
		return make([]uint8, n)
	case kind == "UInt32":
		return make([]uint32, n)
	case kind == "UInt64":
		return make([]uint64, n)
	}
	return make([]int64, n) // Int64 and DateTime64(3)
}

func write(t testing.TB, b *Books, bounds pipeline.Bounds, blocks ...pipeline.Block) {
	t.Helper()
	if err := b.Write(t.Context(), bounds, held, blocks); err != nil {
		t.Fatal(err)
	}
}

// ask returns the rows of a query, each as its values joined by spaces.
func ask(t testing.TB, b *Books, query string, args ...any) []string {
	t.Helper()
	var out []string
	each(t, b, query, args, func(_ []string, row []any) {
		words := make([]string, len(row))
		for i, v := range row {
			words[i] = fmt.Sprint(v)
		}
		out = append(out, strings.Join(words, " "))
	})
	return out
}

// rowsOf returns the rows of a query by column; dates are text.
func rowsOf(t testing.TB, b *Books, query string, args ...any) []golden.Row {
	t.Helper()
	var out []golden.Row
	each(t, b, query, args, func(columns []string, row []any) {
		r := golden.Row{}
		for i, v := range row {
			if at, ok := v.(time.Time); ok {
				v = at.Format(time.DateOnly)
			}
			r[columns[i]] = v
		}
		out = append(out, r)
	})
	return out
}

// each scans every row of a query; a null is nil.
func each(t testing.TB, b *Books, query string, args []any, take func(columns []string, row []any)) {
	t.Helper()
	rows, err := b.conn.Query(t.Context(), query, args...)
	if err != nil {
		t.Fatalf("%s: %v", query, err)
	}
	defer rows.Close()
	for rows.Next() {
		row := make([]any, len(rows.ColumnTypes()))
		for i, c := range rows.ColumnTypes() {
			row[i] = reflect.New(c.ScanType()).Interface()
		}
		if err := rows.Scan(row...); err != nil {
			t.Fatalf("%s: %v", query, err)
		}
		for i, p := range row {
			row[i] = pointee(reflect.ValueOf(p).Elem())
		}
		take(rows.Columns(), row)
	}
	if err := rows.Err(); err != nil {
		t.Fatalf("%s: %v", query, err)
	}
}

func pointee(v reflect.Value) any {
	if v.Kind() != reflect.Pointer {
		return v.Interface()
	}
	if v.IsNil() {
		return nil
	}
	return v.Elem().Interface()
}

func one(t testing.TB, b *Books, query string, args ...any) string {
	t.Helper()
	rows := ask(t, b, query, args...)
	if len(rows) != 1 {
		t.Fatalf("%s: %d rows, want 1", query, len(rows))
	}
	return rows[0]
}

func sorted(s []string) []string { slices.Sort(s); return s }
