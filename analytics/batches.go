package analytics

import (
	"context"
	"fmt"
	"sync/atomic"

	"golang.org/x/sync/errgroup"

	"github.com/grapevinehq/grapevine/pipeline"
)

// Has tells whether any of the tables holds rows of the bounds: rows of their
// offsets, or of their number: what a batch does by the clock has no offset in it.
// All are asked at once: a partition stands still until they have answered.
func (b *Books) Has(ctx context.Context, bounds pipeline.Bounds, tables []string) (bool, error) {
	var found atomic.Bool
	asking, ctx := errgroup.WithContext(ctx)
	for _, name := range tables {
		asking.Go(func() error {
			has, err := b.tableHas(ctx, bounds, name)
			if has {
				found.Store(true)
			}
			return err
		})
	}
	if err := asking.Wait(); err != nil {
		return false, err
	}
	return found.Load(), nil
}

func (b *Books) tableHas(ctx context.Context, bounds pipeline.Bounds, name string) (bool, error) {
	t, err := b.table(ctx, stored(name))
	if err != nil {
		return false, err
	}
	p := bounds.Partition
	query := `SELECT count() FROM (SELECT 1 FROM ` + t.name + `
		WHERE (kafka_partition = ? AND kafka_offset >= ? AND kafka_offset < ? OR ` + t.partitionColumn() + ` = ? AND batch = ?)
		AND kafka_topic = ? AND kafka_incarnation = ? LIMIT 1)`
	var n uint64
	if err := b.conn.QueryRow(ctx, query, p.ID, bounds.First, bounds.End, p.ID, bounds.Number, p.Topic, p.Incarnation).Scan(&n); err != nil {
		return false, fmt.Errorf("ask %s for rows of %s [%d, %d): %w", name, p, bounds.First, bounds.End, err)
	}
	return n > 0, nil
}

// rowsOf counts the rows that a batch has in a table. The time of the batch is
// that of its rows, so few parts are looked at.
func (b *Books) rowsOf(ctx context.Context, t *table, bounds pipeline.Bounds) (n uint64, err error) {
	p := bounds.Partition
	err = b.conn.QueryRow(ctx, `SELECT count() FROM `+t.name+`
		WHERE ingested = fromUnixTimestamp64Milli(toInt64(?), 'UTC') AND batch = ? AND kafka_topic = ? AND `+t.partitionColumn()+` = ? AND kafka_incarnation = ?`,
		bounds.Time, bounds.Number, p.Topic, p.ID, p.Incarnation).Scan(&n)
	if err != nil {
		return 0, fmt.Errorf("ask %s for rows of %s batch %d: %w", t.name, p, bounds.Number, err)
	}
	return n, nil
}
