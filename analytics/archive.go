package analytics

import (
	"context"
	"strconv"

	"github.com/ClickHouse/clickhouse-go/v2/lib/driver"

	"github.com/grapevinehq/grapevine/pipeline/archive"
)

var _ archive.Books = (*Books)(nil)

// Archived finds the values that partitions archived last, all in one query, which
// it may share with other callers.
func (b *Books) Archived(ctx context.Context, queries []archive.Query) ([][]byte, error) {
	return b.archives.ask(ctx, queries)
}

func (b *Books) archived(ctx context.Context, queries []archive.Query) ([][]byte, error) {
	ids := distinct(len(queries), func(i int) wanted {
		q := &queries[i]
		return wanted{q.Partition.Incarnation, strconv.Itoa(q.Partition.ID), q.Key}
	})
	values := make([][]byte, len(queries))
	const query = `
SELECT kafka_incarnation, toString(kafka_partition) AS p, key, argMax(value, batch)
FROM archive
WHERE key IN (SELECT id FROM wanted) AND (kafka_incarnation, p, key) IN (SELECT o, p, id FROM wanted)
GROUP BY kafka_incarnation, kafka_partition, key`
	err := b.lookUp(ctx, query, ids, nil, func(rows driver.Rows) error {
		var w wanted
		var value string
		if err := rows.Scan(&w.org, &w.program, &w.id, &value); err != nil {
			return err
		}
		for _, i := range ids[w] {
			values[i] = []byte(value)
		}
		return nil
	})
	return values, err
}
