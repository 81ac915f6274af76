package judge

import (
	"context"
	"fmt"
	"iter"
	"reflect"
	"strings"

	"github.com/ClickHouse/clickhouse-go/v2"
	"github.com/ClickHouse/clickhouse-go/v2/lib/driver"
)

// tables reads the books of a case.
type tables struct{ conn driver.Conn }

// rows reads a table or view.
func (c *tables) rows(ctx context.Context, table string, by []string) iter.Seq2[Row, error] {
	return func(yield func(Row, error) bool) {
		text := "SELECT * FROM " + table
		if len(by) > 0 {
			text += " ORDER BY " + strings.Join(by, ", ")
		}
		rows, err := c.conn.Query(ctx, text)
		if err != nil {
			yield(nil, fmt.Errorf("read %s: %w", table, err))
			return
		}
		defer rows.Close() //nolint:errcheck // its error is Err
		scan := newScan(rows.ColumnTypes())
		for rows.Next() {
			row, err := scan.row(rows)
			if err != nil {
				yield(nil, fmt.Errorf("read a row of %s: %w", table, err))
				return
			}
			if !yield(row, nil) {
				return
			}
		}
		if err := rows.Err(); err != nil {
			yield(nil, fmt.Errorf("read %s: %w", table, err))
		}
	}
}

// scan holds one value of each column.
type scan struct {
	names   []string
	dates   []bool
	targets []any
}

func newScan(types []driver.ColumnType) *scan {
	s := &scan{}
	for _, c := range types {
		s.names = append(s.names, c.Name())
		s.dates = append(s.dates, strings.HasPrefix(c.DatabaseTypeName(), "Date32"))
		s.targets = append(s.targets, reflect.New(c.ScanType()).Interface())
	}
	return s
}

func (s *scan) row(rows driver.Rows) (Row, error) {
	for i := range s.targets { // lists and maps must not be written into the row before
		reflect.ValueOf(s.targets[i]).Elem().SetZero()
	}
	if err := rows.Scan(s.targets...); err != nil {
		return nil, err
	}
	row := make(Row, len(s.names))
	for i, name := range s.names {
		row[name] = Plain(reflect.ValueOf(s.targets[i]).Elem().Interface(), s.dates[i])
	}
	return row, nil
}

func openTables(c *Case) (*tables, error) {
	conn, err := clickhouse.Open(&clickhouse.Options{
		Addr: []string{c.ClickHouseAddr},
		Auth: clickhouse.Auth{Database: c.Database, Username: c.Username, Password: c.Password},
	})
	if err != nil {
		return nil, fmt.Errorf("open ClickHouse at %s: %w", c.ClickHouseAddr, err)
	}
	return &tables{conn}, nil
}
