package enginetest

import (
	"context"
	"testing"

	"github.com/grapevinehq/grapevine/internal/engine"
)

var redisOnce once[*engine.Redis]

// Redis returns the address of this process's Redis, host:port. Tests share it:
// each uses key names of its own, or [RedisAlone].
func Redis(t testing.TB) string {
	t.Helper()
	server, err := redisOnce.get("redis", startRedis)
	if err != nil {
		t.Fatal(err)
	}
	return server.Addr
}

// RedisAlone returns the address of an empty Redis that only this test uses, so
// that it may flush it, measure it, or stop it. It starts in some milliseconds.
func RedisAlone(t testing.TB) *engine.Redis {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), startTimeout)
	defer cancel()
	server, err := startRedis(ctx, t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	stopAfter(t, server.Stop)
	return server
}

func startRedis(ctx context.Context, dir string) (*engine.Redis, error) {
	return engine.StartRedis(ctx, engine.RedisOptions{Dir: dir})
}
