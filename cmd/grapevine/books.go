package main

import (
	"context"
	"log/slog"
	"time"

	"github.com/cenkalti/backoff/v5"

	"github.com/grapevinehq/grapevine/analytics"
	"github.com/grapevinehq/grapevine/config"
)

// openBooks readies the connections to ClickHouse.
func openBooks(s *config.Settings, log *slog.Logger, retried func(table string)) (*analytics.Books, error) {
	encryption, err := tlsConfig("clickhouse", s.ClickHouse.TLS)
	if err != nil {
		return nil, err
	}
	addrs := s.ClickHouse.Addrs
	if len(addrs) == 0 {
		addrs = []string{s.ClickHouse.Addr}
	}
	return analytics.Open(analytics.Options{
		Addr:     addrs,
		Database: s.ClickHouse.Database,
		Username: s.ClickHouse.Username,
		Password: s.ClickHouse.Password.Reveal(),
		TLS:      encryption,
		Compress: s.ClickHouse.Compression == "lz4",
		Log:      log,
		Retried:  retried,
	})
}

// waitFor calls ask until it succeeds, and says what is waited for.
func waitFor(ctx context.Context, log *slog.Logger, what string, ask func(context.Context) error) error {
	wait := backoff.NewExponentialBackOff()
	wait.InitialInterval = 100 * time.Millisecond
	wait.MaxInterval = 3 * time.Second
	_, err := backoff.Retry(ctx, func() (struct{}, error) { return struct{}{}, ask(ctx) },
		backoff.WithBackOff(wait), backoff.WithMaxElapsedTime(0),
		backoff.WithNotify(func(err error, in time.Duration) {
			log.Warn("waiting for "+what, "error", err, "in", in)
		}))
	return err
}
