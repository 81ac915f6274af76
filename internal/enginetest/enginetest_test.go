package enginetest_test

import (
	"testing"

	"github.com/ClickHouse/clickhouse-go/v2"
	"github.com/redis/go-redis/v9"

	"github.com/grapevinehq/grapevine/internal/enginetest"
)

func TestMain(m *testing.M) { enginetest.MainWithoutLeaks(m) }

func TestRedis_is_shared_and_answers(t *testing.T) {
	addr := enginetest.Redis(t)
	if again := enginetest.Redis(t); again != addr {
		t.Errorf("second call: %s, first: %s", again, addr)
	}
	client := redis.NewClient(&redis.Options{Addr: addr})
	defer client.Close()
	if err := client.Set(t.Context(), t.Name(), "1", 0).Err(); err != nil {
		t.Fatal(err)
	}
}

func TestClickHouse_gives_each_test_a_database_that_goes_with_it(t *testing.T) {
	var addr, database string
	t.Run("inner", func(t *testing.T) {
		addr, database = enginetest.ClickHouse(t)
		if n := databasesNamed(t, addr, database); n != 1 {
			t.Errorf("%d databases named %s, want 1", n, database)
		}
		_, other := enginetest.ClickHouse(t)
		if other == database {
			t.Errorf("both databases are named %s", other)
		}
	})
	if n := databasesNamed(t, addr, database); n != 0 {
		t.Errorf("%d databases named %s are left after the test", n, database)
	}
}

func databasesNamed(t *testing.T, addr, name string) (n uint64) {
	t.Helper()
	db := clickhouse.OpenDB(&clickhouse.Options{Addr: []string{addr}})
	defer db.Close()
	if err := db.QueryRowContext(t.Context(), "SELECT count() FROM system.databases WHERE name = ?", name).Scan(&n); err != nil {
		t.Fatal(err)
	}
	return n
}

func TestKafka_gives_each_test_a_broker(t *testing.T) {
	if a, b := enginetest.Kafka(t), enginetest.Kafka(t); a.Addr == b.Addr {
		t.Errorf("both listen on %s", a.Addr)
	}
}

func TestApacheKafka_is_shared(t *testing.T) {
	if a, b := enginetest.ApacheKafka(t), enginetest.ApacheKafka(t); a.Addr != b.Addr {
		t.Errorf("started twice: %s and %s", a.Addr, b.Addr)
	}
}
