package analytics

import (
	"context"
	"embed"
	"errors"
	"fmt"
	"io/fs"
	"slices"

	"github.com/ClickHouse/clickhouse-go/v2"
	"github.com/pressly/goose/v3"

	"github.com/grapevinehq/grapevine/analytics/quote"
)

//go:embed schema
var schema embed.FS

// Migrate makes the database, brings its tables up to date, forward only, and
// puts the views in place. It can be repeated, and run by several workers at
// once: every statement holds when it was carried out before.
func (b *Books) Migrate(ctx context.Context) error {
	if err := b.createDatabase(ctx); err != nil {
		return err
	}
	if err := b.migrateTables(ctx); err != nil {
		return err
	}
	return b.replaceViews(ctx)
}

func (b *Books) createDatabase(ctx context.Context) error {
	conn, err := clickhouse.Open(b.options.connection("default"))
	if err != nil {
		return fmt.Errorf("open ClickHouse at %v: %w", b.options.Addr, err)
	}
	defer conn.Close() //nolint:errcheck // one statement only
	if err := conn.Exec(ctx, "CREATE DATABASE IF NOT EXISTS "+quote.Name(b.options.Database)); err != nil {
		return fmt.Errorf("create database %s in ClickHouse: %w", b.options.Database, err)
	}
	return nil
}

func (b *Books) migrateTables(ctx context.Context) error {
	runner, err := b.migrations()
	if err != nil {
		return err
	}
	defer runner.Close() //nolint:errcheck // nothing is left unsaved
	if _, err := runner.Up(ctx); err != nil {
		return fmt.Errorf("migrate database %s in ClickHouse: %w", b.options.Database, err)
	}
	return nil
}

// migrations are those of the tables, on a connection of their own.
func (b *Books) migrations() (*goose.Provider, error) {
	files, err := fs.Sub(schema, "schema/tables")
	if err != nil {
		return nil, err
	}
	db := clickhouse.OpenDB(b.options.connection(b.options.Database))
	runner, err := goose.NewProvider(goose.DialectClickHouse, db, files, goose.WithTableName("schema_version"))
	if err != nil {
		return nil, errors.Join(fmt.Errorf("read the schema: %w", err), db.Close())
	}
	return runner, nil
}

// replaceViews puts every view in place anew, in the order of their files: they
// hold no data.
func (b *Books) replaceViews(ctx context.Context) error {
	files, err := fs.Glob(schema, "schema/views/*.sql")
	if err != nil {
		return err
	}
	slices.Sort(files)
	for _, name := range files {
		text, err := schema.ReadFile(name)
		if err != nil {
			return err
		}
		if err := b.conn.Exec(ctx, string(text)); err != nil {
			return fmt.Errorf("put the view of %s in place: %w", name, err)
		}
	}
	return nil
}
