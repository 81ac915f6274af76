package engine_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/redis/go-redis/v9"

	"github.com/grapevinehq/grapevine/internal/engine"
)

// onPath puts a program of that name in front of PATH, which notes its arguments
// in a file, and then becomes what the script says.
func onPath(t *testing.T, name, become string) (arguments string) {
	t.Helper()
	bin := t.TempDir()
	arguments = filepath.Join(bin, "arguments")
	script := "#!/bin/sh\necho \"$@\" > " + arguments + "\n" + become + "\n"
	if err := os.WriteFile(filepath.Join(bin, name), []byte(script), 0o755); err != nil {
		t.Fatal(err)
	}
	t.Setenv("PATH", bin+":"+os.Getenv("PATH"))
	return arguments
}

// fetched returns a file of the engines that have been fetched.
func fetched(t *testing.T, pattern string) string {
	t.Helper()
	folder, err := engine.Folder()
	if err != nil {
		t.Fatal(err)
	}
	found, err := filepath.Glob(filepath.Join(folder, pattern))
	if err != nil || len(found) == 0 {
		t.Fatalf("no %s in %s (%v)", pattern, folder, err)
	}
	return found[0]
}

// redisServer is what [engine.StartRedis] runs on this machine.
func redisServer(t *testing.T) string {
	t.Helper()
	for _, name := range []string{"redis-server", "valkey-server"} {
		if path, err := exec.LookPath(name); err == nil {
			return path
		}
	}
	startRedis(t)
	return fetched(t, "valkey-*/valkey-server")
}

func startRedis(t *testing.T) *engine.Redis {
	t.Helper()
	server, err := engine.StartRedis(t.Context(), engine.RedisOptions{Dir: t.TempDir()})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { stop(t, server.Stop) })
	return server
}

func TestRedis_on_PATH_is_used(t *testing.T) {
	server := redisServer(t)
	for _, name := range []string{"redis-server", "valkey-server"} {
		t.Run(name, func(t *testing.T) {
			if _, err := exec.LookPath("redis-server"); err == nil && name == "valkey-server" {
				t.Log("this machine has a redis-server, which is used first")
				return
			}
			arguments := onPath(t, name, "exec "+server+" \"$@\"")
			inRedis(t, startRedis(t).Addr, func(client *redis.Client) error {
				settings, err := client.ConfigGet(t.Context(), "maxmemory-policy").Result()
				if settings["maxmemory-policy"] != "noeviction" {
					t.Errorf("settings are %v", settings)
				}
				return err
			})
			if _, err := os.Stat(arguments); err != nil {
				t.Errorf("the one on PATH was not used: %v", err)
			}
		})
	}
}

// clickHouseLocal is the command of `clickhouse local` on this machine.
func clickHouseLocal(t *testing.T) string {
	t.Helper()
	if path, err := exec.LookPath("clickhouse"); err == nil {
		return path + " local"
	}
	startClickHouse(t, engine.ClickHouseOptions{})
	program, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	return program + " " + engine.ChildCommand + " " + fetched(t, "libchdb-*/libchdb.so")
}

func TestClickHouse_on_PATH_is_used(t *testing.T) {
	arguments := onPath(t, "clickhouse", "[ \"$1\" = local ] || exit 64\nshift\nexec "+clickHouseLocal(t)+" \"$@\"")
	server := startClickHouse(t, engine.ClickHouseOptions{})
	inClickHouse(t, server.Addr, "SELECT 1")
	if _, err := os.Stat(arguments); err != nil {
		t.Errorf("the one on PATH was not used: %v", err)
	}
}
