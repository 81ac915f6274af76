package analytics

import (
	"context"
	"crypto/tls"
	"fmt"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"github.com/ClickHouse/clickhouse-go/v2"
	"github.com/ClickHouse/clickhouse-go/v2/lib/driver"

	"github.com/grapevinehq/grapevine/pipeline"
	"github.com/grapevinehq/grapevine/pipeline/archive"
	"github.com/grapevinehq/grapevine/pipeline/attribution"
	"github.com/grapevinehq/grapevine/pipeline/stage/conversions"
	"github.com/grapevinehq/grapevine/pipeline/stage/credits"
)

// DedupeWindow is how many parts of each table ClickHouse must remember the
// tokens of. It counts the inserts of all workers.
const DedupeWindow = 100_000

// DefaultTrust is how long a token is trusted: half of the time in which all
// workers together may fill the window, at 275 inserts a second into one table.
// That is more than one server merges for long.
const DefaultTrust = 3 * time.Minute

// Options say where the books are.
type Options struct {
	Addr     []string // host:port of the native protocol; more than one are ways to the same server, tried in order
	Database string
	Username string
	Password string
	TLS      *tls.Config // nil: none
	Compress bool        // LZ4 on the wire: worth it over a network, not over loopback

	// MaxConns bounds the connections; 0 is 8. Each keeps what the largest column took.
	MaxConns int
	// InsertTimeout bounds one try of an insert; 0 is 30 s. The next try repeats
	// the token, so what a slow one still does is harmless.
	InsertTimeout time.Duration
	// Trust is how old a batch's bound may be for its token to be trusted alone;
	// 0 is [DefaultTrust]. Beyond it the table is asked for the batch first.
	Trust time.Duration
	// Log gets what is retried; nil is slog.Default.
	Log *slog.Logger
	// Retried counts the failed inserts, by table; may be nil.
	Retried func(table string)
}

// Books are the tables of one database.
type Books struct {
	options      Options
	conn         driver.Conn
	installation atomic.Pointer[string]

	visitors gather[attribution.VisitorQuery, []attribution.Touch]
	clickIDs gather[attribution.ClickQuery, []attribution.Touch]
	archives gather[archive.Query, []byte]
	claims   gather[conversions.ClaimQuery, bool]

	mu     sync.Mutex
	tables map[string]*table // what is known of each table's columns
}

var (
	_ pipeline.Books      = (*Books)(nil)
	_ pipeline.Recorded   = (*Books)(nil)
	_ attribution.Touches = (*Books)(nil)
	_ conversions.Books   = (*Books)(nil)
	_ credits.Books       = (*Books)(nil)
)

// Open makes a pool of connections; it does not connect yet.
func Open(o Options) (*Books, error) {
	if o.MaxConns == 0 {
		o.MaxConns = 8
	}
	if o.InsertTimeout == 0 {
		o.InsertTimeout = 30 * time.Second
	}
	if o.Trust == 0 {
		o.Trust = DefaultTrust
	}
	if o.Log == nil {
		o.Log = slog.Default()
	}
	conn, err := clickhouse.Open(o.connection(o.Database))
	if err != nil {
		return nil, fmt.Errorf("open ClickHouse at %v: %w", o.Addr, err)
	}
	b := &Books{options: o, conn: conn, tables: make(map[string]*table)}
	b.visitors.query, b.clickIDs.query, b.archives.query, b.claims.query = b.byVisitor, b.byClickID, b.archived, b.claimed
	return b, nil
}

// sendBuffer is how much of a block a connection gathers before it sends it, and keeps
// from then on. With the driver's 10 MiB the connections of a worker kept 50 MiB.
const sendBuffer = 256 << 10

// connection are the driver's options. String columns travel as such: the server
// makes LowCardinality of them at a fraction of what the driver needs for it.
func (o *Options) connection(database string) *clickhouse.Options {
	settings := clickhouse.Settings{"low_cardinality_allow_in_native_format": 0}
	for name, value := range pinned {
		settings[name] = value
	}
	c := &clickhouse.Options{
		Addr:         o.Addr,
		Auth:         clickhouse.Auth{Database: database, Username: o.Username, Password: o.Password},
		TLS:          o.TLS,
		Settings:     settings,
		DialTimeout:  5 * time.Second,
		MaxOpenConns: o.MaxConns,
		MaxIdleConns: o.MaxConns,

		MaxCompressionBuffer: sendBuffer,
	}
	if o.Compress {
		c.Compression = &clickhouse.Compression{Method: clickhouse.CompressionLZ4}
	}
	return c
}

// Close ends the connections.
func (b *Books) Close() error { return b.conn.Close() }

// Ping tells whether ClickHouse answers.
func (b *Books) Ping(ctx context.Context) error {
	if err := b.conn.Ping(ctx); err != nil {
		return fmt.Errorf("ping ClickHouse at %v: %w", b.options.Addr, err)
	}
	return nil
}

// BelongTo names the installation: its id is part of every token, so two
// installations that write one database by mistake do not take each other's
// batches for replays. It must be called before Write.
func (b *Books) BelongTo(installation string) { b.installation.Store(&installation) }
