package engine_test

import (
	"context"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/ClickHouse/clickhouse-go/v2"

	"github.com/grapevinehq/grapevine/internal/engine"
)

func startClickHouse(t *testing.T, o engine.ClickHouseOptions) *engine.ClickHouse {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Minute) // a first fetch included
	defer cancel()
	o.Dir = t.TempDir()
	server, err := engine.StartClickHouse(ctx, o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { stop(t, server.Stop) })
	return server
}

func TestClickHouse_takes_users_and_settings_from_a_configuration_file(t *testing.T) {
	dir := t.TempDir()
	write(t, filepath.Join(dir, "users.xml"), `<clickhouse>
  <profiles><default/></profiles><quotas><default/></quotas>
  <users>
    <default><password></password><access_management>1</access_management></default>
    <ana>
      <password>secret</password>
      <grants><query>GRANT SELECT ON default.clicks</query></grants>
      <databases><default><clicks><filter>program_id = 'p1'</filter></clicks></default></databases>
    </ana>
  </users>
</clickhouse>`)
	write(t, filepath.Join(dir, "config.xml"), `<clickhouse>
  <users_config>`+filepath.Join(dir, "users.xml")+`</users_config>
  <max_server_memory_usage>1500000000</max_server_memory_usage>
</clickhouse>`)
	server := startClickHouse(t, engine.ClickHouseOptions{ConfigFile: filepath.Join(dir, "config.xml")})
	inClickHouse(t, server.Addr,
		"CREATE TABLE clicks (program_id String) ENGINE = MergeTree ORDER BY program_id",
		"INSERT INTO clicks VALUES ('p1'), ('p2')")

	db := clickhouse.OpenDB(&clickhouse.Options{Addr: []string{server.Addr}, Auth: clickhouse.Auth{Username: "ana", Password: "secret"}})
	defer db.Close()
	var rows uint64
	if err := db.QueryRowContext(t.Context(), "SELECT count() FROM clicks").Scan(&rows); err != nil || rows != 1 {
		t.Errorf("ana sees %d rows (%v), want 1", rows, err)
	}
	admin := clickhouse.OpenDB(&clickhouse.Options{Addr: []string{server.Addr}})
	defer admin.Close()
	var memory string
	if err := admin.QueryRowContext(t.Context(), "SELECT value FROM system.server_settings WHERE name = 'max_server_memory_usage'").Scan(&memory); err != nil || memory != "1500000000" {
		t.Errorf("max_server_memory_usage is %s (%v)", memory, err)
	}
}

func TestClickHouse_names_a_taken_port(t *testing.T) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	_, err = engine.StartClickHouse(t.Context(), engine.ClickHouseOptions{
		Dir: t.TempDir(), HTTP: engine.Port{Number: listener.Addr().(*net.TCPAddr).Port},
	})
	if err == nil || !strings.Contains(err.Error(), "for ClickHouse HTTP, is taken by another program") {
		t.Errorf("StartClickHouse: %v", err)
	}
}

func TestClickHouse_tells_why_it_did_not_start(t *testing.T) {
	dir := t.TempDir()
	broken := filepath.Join(dir, "broken.xml")
	write(t, broken, "<clickhouse><unfinished>")
	for file, want := range map[string]string{
		broken:                                 "ended while it was starting",
		filepath.Join(dir, "no-such-file.xml"): "find its configuration",
	} {
		_, err := engine.StartClickHouse(t.Context(), engine.ClickHouseOptions{Dir: t.TempDir(), ConfigFile: file})
		if err == nil || !strings.Contains(err.Error(), want) || !strings.Contains(err.Error(), file) {
			t.Errorf("StartClickHouse with %s: %v", file, err)
		}
	}
}

func TestClickHouse_merges_and_mutates(t *testing.T) {
	server := startClickHouse(t, engine.ClickHouseOptions{})
	inClickHouse(t, server.Addr,
		"CREATE TABLE numbers (n UInt64) ENGINE = MergeTree ORDER BY n",
		"INSERT INTO numbers SELECT number FROM numbers(10)",
		"INSERT INTO numbers SELECT number FROM numbers(10)",
		"ALTER TABLE numbers DELETE WHERE n = 3 SETTINGS mutations_sync = 2",
		"OPTIMIZE TABLE numbers FINAL")
	db := clickhouse.OpenDB(&clickhouse.Options{Addr: []string{server.Addr}})
	defer db.Close()
	var rows, parts uint64
	if err := db.QueryRowContext(t.Context(), "SELECT count(), uniqExact(_part) FROM numbers").Scan(&rows, &parts); err != nil || rows != 18 || parts != 1 {
		t.Errorf("%d rows in %d parts (%v), want 18 in 1", rows, parts, err)
	}
}

func write(t *testing.T, file, text string) {
	t.Helper()
	if err := os.WriteFile(file, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
}
