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
// A lease that ended is [pipeline.ErrFenced].
func (b *Books) Write(ctx context.Context, bounds pipeline.Bounds, lease func() time.Time, blocks []pipeline.Block) error {
	installation := b.installation.Load()
	if installation == nil {
		return errors.New("write the books: they belong to no installation yet")
	}
	token := tokenOf(*installation, bounds)
	written := make(map[string]bool, len(blocks))
	for _, block := range blocks {
		if block.Rows == 0 {
			continue
		}
		if written[block.Table] { // its token is taken: ClickHouse would drop the rows without a word
			return fmt.Errorf("%w: batch %d of %s has two blocks for %s", ErrBlock, bounds.Number, bounds.Partition, block.Table)
		}
		written[block.Table] = true
		if err := b.writeBlock(ctx, bounds, token, lease, block); err != nil {
			return fmt.Errorf("write %d rows of %s batch %d [%d, %d) to %s: %w",
				block.Rows, bounds.Partition, bounds.Number, bounds.First, bounds.End, block.Table, err)
		}
	}
	return nil
}

// tokenOf names a batch for all time. ClickHouse remembers tokens by table.
func tokenOf(installation string, bounds pipeline.Bounds) string {
	p := bounds.Partition
	return fmt.Sprintf("%s/%s/%s/%d/%d/%d/%d", installation, p.Topic, p.Incarnation, p.ID, bounds.Number, bounds.First, bounds.End)
}

// writeBlock tries until the block is in the table.
func (b *Books) writeBlock(ctx context.Context, bounds pipeline.Bounds, token string, lease func() time.Time, block pipeline.Block) error {
	pause := backoff.NewExponentialBackOff()
	pause.InitialInterval, pause.MaxInterval = 50*time.Millisecond, 5*time.Second
	for {
		until := lease()
		if !until.After(time.Now()) {
			return fmt.Errorf("%w: its lease ended at %s", pipeline.ErrFenced, until.UTC().Format(time.RFC3339Nano))
		}
		err := b.try(ctx, bounds, token, until, block)
		if err == nil || errors.Is(err, ErrBlock) || errors.Is(err, ErrBooksDiffer) || ctx.Err() != nil {
			return err
		}
		if refused(err) && !lease().After(until) {
			return fmt.Errorf("%w: clickhouse found its lease of %s ended: %w", pipeline.ErrFenced, until.UTC().Format(time.RFC3339Nano), err)
		}
		if b.options.Retried != nil {
			b.options.Retried(block.Table)
		}
		wait := pause.NextBackOff()
		b.options.Log.LogAttrs(ctx, slog.LevelWarn, "insert failed, will be repeated with the same token",
			slog.String("table", block.Table), slog.String("topic", bounds.Partition.Topic), slog.Int("partition", bounds.Partition.ID),
			slog.Int64("first", bounds.First), slog.Int64("end", bounds.End), slog.Duration("wait", wait), slog.Any("error", err))
		select {
		case <-ctx.Done():
			return errors.Join(ctx.Err(), err)
		case <-time.After(wait):
		}
	}
}

// refused tells whether the constraint refused the rows.
func refused(err error) bool {
	var exception *clickhouse.Exception
	return errors.As(err, &exception) && exception.Code == violatedConstraint
}

// try inserts once. Of a batch whose bound is old the token may be forgotten: the
// table is asked first whether it holds the batch, under the same lease.
func (b *Books) try(ctx context.Context, bounds pipeline.Bounds, token string, until time.Time, block pipeline.Block) error {
	ctx, cancel := context.WithTimeout(ctx, b.options.InsertTimeout)
	defer cancel()
	t, err := b.table(ctx, stored(block.Table))
	if err != nil {
		return err
	}
	ready, err := t.arrange(bounds, block)
	if err != nil {
		return err
	}
	if time.Since(time.UnixMilli(bounds.Time)) > b.options.Trust {
		switch n, err := b.rowsOf(ctx, t, bounds); {
		case err != nil:
			return err
		case n == uint64(block.Rows): //nolint:gosec // a count
			return nil
		case n != 0:
			return fmt.Errorf("%w: %d", ErrBooksDiffer, n)
		}
	}
	return b.send(ctx, ready, token, until)
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
	for j, c := range columns {
		if err := batch.Column(j).Append(c.Data); err != nil {
			return errors.Join(fmt.Errorf("%w: %s.%s: %w", ErrBlock, i.table.name, c.Name, err), batch.Abort())
		}
	}
	return batch.Send()
}
