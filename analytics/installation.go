package analytics

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"time"

	"github.com/ClickHouse/clickhouse-go/v2"
)

// Installation returns the installation that the books belong to; empty when
// they belong to none yet.
func (b *Books) Installation(ctx context.Context) (string, error) {
	var id string
	err := b.conn.QueryRow(ctx, `SELECT installation FROM installation ORDER BY recorded_at, installation LIMIT 1`).Scan(&id)
	if err != nil && !errors.Is(err, sql.ErrNoRows) {
		return "", fmt.Errorf("read the installation of the books: %w", err)
	}
	return id, nil
}

// RecordInstallation makes the books an installation's, unless they belong to
// one already, and returns the one that stands. Workers may do it side by side:
// all inserts have one token, so one of them stays.
func (b *Books) RecordInstallation(ctx context.Context, id string) (string, error) {
	standing, err := b.Installation(ctx)
	if err != nil || standing != "" {
		return standing, err
	}
	if err := b.once(ctx, "installation", "INSERT INTO installation (installation, recorded_at)", id, time.Now()); err != nil {
		return "", fmt.Errorf("record installation %s in the books: %w", id, err)
	}
	return b.Installation(ctx)
}

// once inserts one row under a token.
func (b *Books) once(ctx context.Context, token, statement string, values ...any) error {
	ctx = clickhouse.Context(ctx, clickhouse.WithSettings(clickhouse.Settings{"insert_deduplication_token": token}))
	batch, err := b.conn.PrepareBatch(ctx, statement)
	if err != nil {
		return err
	}
	if err := batch.Append(values...); err != nil {
		return err
	}
	return batch.Send()
}
