package enginetest

import (
	"context"
	"fmt"
	"os"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/ClickHouse/clickhouse-go/v2"

	"github.com/grapevinehq/grapevine/internal/engine"
)

var (
	clickHouseOnce once[*engine.ClickHouse]
	databases      atomic.Int64
)

// ClickHouse returns the native address (host:port; user default, no password)
// of this process's ClickHouse, and the name of an empty database of the test's
// own. It is dropped after the test, unless the test failed: then it is kept as
// long as the process lives, and the log names it.
func ClickHouse(t testing.TB) (addr, database string) {
	t.Helper()
	server, err := clickHouseOnce.get("clickhouse", startClickHouse)
	if err != nil {
		t.Fatal(err)
	}
	database = databaseName(t.Name())
	execute(t, server.Addr, "CREATE DATABASE "+database)
	t.Cleanup(func() {
		if t.Failed() {
			t.Logf("kept database %s of ClickHouse at %s", database, server.Addr)
			return
		}
		execute(t, server.Addr, "DROP DATABASE IF EXISTS "+database+" SYNC")
	})
	return server.Addr, database
}

// ClickHouseAlone returns a ClickHouse that only this test uses, so that it may
// stop it, or start it anew in the same folder. The options' ports and folder
// may be left out.
func ClickHouseAlone(t testing.TB, o engine.ClickHouseOptions) *engine.ClickHouse {
	t.Helper()
	if o.Dir == "" {
		o.Dir = t.TempDir()
	}
	ctx, cancel := context.WithTimeout(context.Background(), startTimeout)
	defer cancel()
	server, err := engine.StartClickHouse(ctx, o)
	if err != nil {
		t.Fatal(err)
	}
	stopAfter(t, server.Stop)
	return server
}

func startClickHouse(ctx context.Context, dir string) (*engine.ClickHouse, error) {
	return engine.StartClickHouse(ctx, engine.ClickHouseOptions{Dir: dir, Restart: true})
}

// databaseName is unique on the server, and tells which test it is of.
func databaseName(test string) string {
	safe := strings.Map(func(r rune) rune {
		if r >= 'a' && r <= 'z' || r >= '0' && r <= '9' {
			return r
		}
		return '_'
	}, strings.ToLower(test))
	return fmt.Sprintf("test_%.60s_%d_%d", safe, os.Getpid(), databases.Add(1))
}

func execute(t testing.TB, addr, statement string) {
	t.Helper()
	db := clickhouse.OpenDB(&clickhouse.Options{Addr: []string{addr}})
	defer db.Close() //nolint:errcheck // one statement only
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	defer cancel()
	if _, err := db.ExecContext(ctx, statement); err != nil {
		t.Errorf("%s: %v", statement, err)
	}
}
