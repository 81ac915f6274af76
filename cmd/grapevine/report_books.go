package main

import (
	"context"
	"fmt"
	"log/slog"
	"time"

	"github.com/ClickHouse/clickhouse-go/v2"

	"github.com/grapevinehq/grapevine/analytics"
	"github.com/grapevinehq/grapevine/config"
)

// readBooks opens books that exist, to read them. It asks for the database under
// another one's name first: a server may take it ill when a connection begins
// with a database that it does not have.
func readBooks(ctx context.Context, s *config.Settings) (*analytics.Books, error) {
	if err := booksExist(ctx, s); err != nil {
		return nil, err
	}
	return openBooks(s, slog.New(slog.DiscardHandler), func(string) {})
}

func booksExist(ctx context.Context, s *config.Settings) error {
	encryption, err := tlsConfig("clickhouse", s.ClickHouse.TLS)
	if err != nil {
		return err
	}
	addrs := s.ClickHouse.Addresses()
	conn, err := clickhouse.Open(&clickhouse.Options{
		Addr: addrs, TLS: encryption, DialTimeout: 5 * time.Second,
		Auth: clickhouse.Auth{Database: "default", Username: s.ClickHouse.Username, Password: s.ClickHouse.Password.Reveal()},
	})
	if err != nil {
		return fmt.Errorf("open ClickHouse at %v: %w", addrs, err)
	}
	defer conn.Close() //nolint:errcheck // one question only
	var tables uint64
	err = conn.QueryRow(ctx, "SELECT count() FROM system.tables WHERE database = ? AND name = 'installation'", s.ClickHouse.Database).Scan(&tables)
	if err != nil {
		return fmt.Errorf("ask ClickHouse at %v for database %s (clickhouse.addr, clickhouse.database): %w", addrs, s.ClickHouse.Database, err)
	}
	if tables == 0 {
		return notYet{fmt.Errorf("ClickHouse at %v has no books in database %s yet: `grapevine migrate` or `grapevine run` makes them", addrs, s.ClickHouse.Database)}
	}
	return nil
}

// notYet marks what an engine that answers lacks before the first worker has run.
type notYet struct{ error }
