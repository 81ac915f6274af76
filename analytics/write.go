package analytics

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"time"

	"github.com/ClickHouse/clickhouse-go/v2"
	"github.com/cenkalti/backoff/v5"
	"golang.org/x/sync/errgroup"

	"github.com/grapevinehq/grapevine/pipeline"
)

// ErrBooksDiffer means that a table holds a part of a batch, or more than the
// batch: no worker leaves that behind, so somebody else changed the books.
var ErrBooksDiffer = errors.New("clickhouse holds another number of rows of the batch")

// leaseColumn carries the lease that the constraint of every table checks.
const leaseColumn = "lease_until"

// violatedConstraint is ClickHouse's code for a row that a constraint refuses.
const violatedConstraint = 469

// Write inserts a batch's blocks in their order, each as one native block with a
// token of the bounds (contract §7). A failed insert is repeated with the same
// token until ctx ends; it is never split, as some of it may have been kept.
// A lease that ended is [pipeline.ErrFenced]. A block for batches is the last: it is
// given a row for each block before it, with the sum of its rows, and goes beside them.
func (b *Books) Write(ctx context.Context, bounds pipeline.Bounds, lease func() time.Time, blocks []pipeline.Block) error {
	installation := b.installation.Load()
	if installation == nil {
		return errors.New("write the books: they belong to no installation yet")
	}
	token := tokenOf(*installation, bounds)
	inserts, err := b.prepare(ctx, bounds, lease, blocks)
	if err != nil {
		return err
	}
	beside, ctx := errgroup.WithContext(ctx)
	if n := len(inserts); n > 0 && inserts[n-1].table.name == batchesTable {
		account := inserts[n-1]
		inserts = inserts[:n-1]
		beside.Go(func() error { return b.write(ctx, bounds, token, lease, account) })
	}
	beside.Go(func() error {
		for _, i := range inserts {
			if err := b.write(ctx, bounds, token, lease, i); err != nil {
				return err
			}
		}
		return nil
	})
	return beside.Wait()
}

// prepare makes the blocks ready, and seals them if their batch has an account.
func (b *Books) prepare(ctx context.Context, bounds pipeline.Bounds, lease func() time.Time, blocks []pipeline.Block) (inserts []insert, err error) {
	closed := len(blocks) > 0 && blocks[len(blocks)-1].Table == batchesTable
	written := make(map[string]bool, len(blocks))
	var sums []sum
	for _, block := range blocks {
		if block.Rows == 0 {
			continue
		}
		if written[block.Table] { // its token is taken: ClickHouse would drop the rows without a word
			return nil, fmt.Errorf("%w: batch %d of %s has two blocks for %s", ErrBlock, bounds.Number, bounds.Partition, block.Table)
		}
		written[block.Table] = true
		if block.Table == batchesTable {
			block = sealedBy(block, sums)
		}
		var ready insert
		err := b.persist(ctx, bounds, lease, block.Table, func(ctx context.Context, _ time.Time) error {
			t, err := b.table(ctx, stored(block.Table))
			if err == nil {
				ready, err = t.arrange(bounds, block)
			}
			return err
		})
		if err == nil && closed && block.Table != batchesTable {
			var s sum
			s, err = ready.seal()
			sums = append(sums, s)
		}
		if err != nil {
			return nil, fmt.Errorf("write %d rows of %s batch %d [%d, %d) to %s: %w",
				block.Rows, bounds.Partition, bounds.Number, bounds.First, bounds.End, block.Table, err)
		}
		inserts = append(inserts, ready)
	}
	return inserts, nil
}

// tokenOf names a batch for all time. ClickHouse remembers tokens by table.
func tokenOf(installation string, bounds pipeline.Bounds) string {
	p := bounds.Partition
	return fmt.Sprintf("%s/%s/%s/%d/%d/%d/%d", installation, p.Topic, p.Incarnation, p.ID, bounds.Number, bounds.First, bounds.End)
}

// write tries until the rows are in their table.
func (b *Books) write(ctx context.Context, bounds pipeline.Bounds, token string, lease func() time.Time, i insert) error {
	err := b.persist(ctx, bounds, lease, i.table.name, func(ctx context.Context, until time.Time) error { return b.try(ctx, bounds, token, until, i) })
	if err != nil {
		return fmt.Errorf("write %d rows of %s batch %d [%d, %d) to %s: %w",
			i.rows, bounds.Partition, bounds.Number, bounds.First, bounds.End, i.table.name, err)
	}
	return nil
}

// persist tries until it succeeds, or cannot any more.
func (b *Books) persist(ctx context.Context, bounds pipeline.Bounds, lease func() time.Time, table string, try func(ctx context.Context, until time.Time) error) error {
	pause := backoff.NewExponentialBackOff()
	pause.InitialInterval, pause.MaxInterval = 50*time.Millisecond, 5*time.Second
	for {
		until := lease()
		if !until.After(time.Now()) {
			return fmt.Errorf("%w: its lease ended at %s", pipeline.ErrFenced, until.UTC().Format(time.RFC3339Nano))
		}
		err := b.bounded(ctx, until, try)
		if err == nil || errors.Is(err, ErrBlock) || errors.Is(err, ErrBooksDiffer) || ctx.Err() != nil {
			return err
		}
		if refused(err) && !lease().After(until) {
			return fmt.Errorf("%w: clickhouse found its lease of %s ended: %w", pipeline.ErrFenced, until.UTC().Format(time.RFC3339Nano), err)
		}
		if b.options.Retried != nil {
			b.options.Retried(table)
		}
		wait := pause.NextBackOff()
		b.options.Log.LogAttrs(ctx, slog.LevelWarn, "insert failed, will be repeated with the same token",
			slog.String("table", table), slog.String("topic", bounds.Partition.Topic), slog.Int("partition", bounds.Partition.ID),
			slog.Int64("first", bounds.First), slog.Int64("end", bounds.End), slog.Duration("wait", wait), slog.Any("error", err))
		select {
		case <-ctx.Done():
			return errors.Join(ctx.Err(), err)
		case <-time.After(wait):
		}
	}
}

// bounded tries once, and not for ever.
func (b *Books) bounded(ctx context.Context, until time.Time, try func(ctx context.Context, until time.Time) error) error {
	ctx, cancel := context.WithTimeout(ctx, b.options.InsertTimeout)
	defer cancel()
	return try(ctx, until)
}

// refused tells whether the constraint refused the rows.
func refused(err error) bool {
	var exception *clickhouse.Exception
	return errors.As(err, &exception) && exception.Code == violatedConstraint
}

// try inserts once. Of a batch whose bound is old the token may be forgotten: the
// table is asked first whether it holds the batch, under the same lease.
func (b *Books) try(ctx context.Context, bounds pipeline.Bounds, token string, until time.Time, i insert) error {
	if time.Since(time.UnixMilli(bounds.Time)) > b.options.Trust {
		switch n, err := b.rowsOf(ctx, i.table, bounds); {
		case err != nil:
			return err
		case n == uint64(i.rows): //nolint:gosec // a count
			return nil
		case n != 0:
			return fmt.Errorf("%w: %d", ErrBooksDiffer, n)
		}
	}
	return b.send(ctx, i, token, until)
}

// send inserts the columns as one block.
func (b *Books) send(ctx context.Context, i insert, token string, until time.Time) error {
	columns := append(i.columns, pipeline.Column{Name: leaseColumn, Data: repeat(until.UnixMilli(), i.rows)})
	names := make([]string, len(columns))
	for j, c := range columns {
		names[j] = c.Name
	}
	ctx = clickhouse.Context(ctx, clickhouse.WithSettings(clickhouse.Settings{"insert_deduplication_token": token}))
	batch, err := b.conn.PrepareBatch(ctx, "INSERT INTO "+i.table.name+" ("+strings.Join(names, ", ")+")")
	if err != nil {
		return err
	}
	into := batch.Columns()
	for j, c := range columns {
		room(into[j], c.Data)
		if err := batch.Column(j).Append(c.Data); err != nil {
			return errors.Join(fmt.Errorf("%w: %s.%s: %w", ErrBlock, i.table.name, c.Name, err), batch.Abort())
		}
	}
	return batch.Send()
}
