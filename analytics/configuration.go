package analytics

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"time"
)

// ErrUnknownRevision means that the books do not hold a configuration.
var ErrUnknownRevision = errors.New("configuration is not recorded")

// Configuration returns the canonical text of a revision, or [ErrUnknownRevision].
func (b *Books) Configuration(ctx context.Context, revision string) ([]byte, error) {
	var source string
	err := b.conn.QueryRow(ctx, `SELECT source FROM configurations WHERE config_revision = ? LIMIT 1`, revision).Scan(&source)
	if errors.Is(err, sql.ErrNoRows) {
		return nil, fmt.Errorf("revision %s: %w", revision, ErrUnknownRevision)
	}
	if err != nil {
		return nil, fmt.Errorf("read configuration %s: %w", revision, err)
	}
	return []byte(source), nil
}

// RecordConfiguration keeps the canonical text of a revision for ever. It must
// come before the first batch that the revision decides; it can be repeated.
func (b *Books) RecordConfiguration(ctx context.Context, revision string, source []byte) error {
	if _, err := b.Configuration(ctx, revision); !errors.Is(err, ErrUnknownRevision) {
		return err
	}
	err := b.once(ctx, revision, "INSERT INTO configurations (config_revision, source, recorded_at)", revision, string(source), time.Now())
	if err != nil {
		return fmt.Errorf("record configuration %s: %w", revision, err)
	}
	return nil
}
