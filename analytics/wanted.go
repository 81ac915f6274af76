package analytics

import (
	"context"
	"fmt"

	"github.com/ClickHouse/clickhouse-go/v2"
	"github.com/ClickHouse/clickhouse-go/v2/ext"
	"github.com/ClickHouse/clickhouse-go/v2/lib/driver"
)

// wanted is an id within a program, as queries ask for it.
type wanted struct{ org, program, id string }

// distinct are the different ids of n queries, and for each the queries that
// ask for it.
func distinct(n int, id func(i int) wanted) map[wanted][]int {
	asked := make(map[wanted][]int, n)
	for i := range n {
		w := id(i)
		asked[w] = append(asked[w], i)
	}
	return asked
}

// lookUp sends ids as the external table `wanted` (o, p, id), which no limit on
// the length of a query bounds, and hands each row of the answer to take.
func (b *Books) lookUp(ctx context.Context, query string, ids map[wanted][]int, args []any, take func(driver.Rows) error) error {
	t, err := ext.NewTable("wanted", ext.Column("o", "String"), ext.Column("p", "String"), ext.Column("id", "String"))
	if err != nil {
		return err
	}
	for w := range ids {
		if err := t.Append(w.org, w.program, w.id); err != nil {
			return err
		}
	}
	rows, err := b.conn.Query(clickhouse.Context(ctx, clickhouse.WithExternalTable(t)), query, args...)
	if err != nil {
		return fmt.Errorf("ask ClickHouse for %d ids: %w", len(ids), err)
	}
	defer rows.Close() //nolint:errcheck // Err tells
	for rows.Next() {
		if err := take(rows); err != nil {
			return fmt.Errorf("read the answer for %d ids: %w", len(ids), err)
		}
	}
	return rows.Err()
}
