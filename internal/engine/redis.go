package engine

import (
	"context"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"syscall"

	"github.com/redis/go-redis/v9"
)

// RedisOptions say how to start a Redis-compatible server.
type RedisOptions struct {
	Dir        string // holds its log, and its data when kept; made when missing
	Port       Port
	AppendOnly bool      // keep the data between runs: an append-only file, flushed every second
	Args       []string  // further arguments of the server, as "--maxmemory", "1gb"
	Progress   io.Writer // told of a fetch; nil is standard error
}

// Redis is a running Redis-compatible server.
type Redis struct {
	Addr    string // host:port; no password
	process *process
}

// StartRedis starts `redis-server` or `valkey-server` from PATH, or else the
// pinned Valkey, and returns when it answers. It never evicts: a write that does
// not fit is refused. ctx bounds the start and not the life of the server.
func StartRedis(ctx context.Context, o RedisOptions) (*Redis, error) {
	port, err := o.Port.choose("Redis")
	if err != nil {
		return nil, err
	}
	program, err := redisProgram(ctx, o.Progress)
	if err != nil {
		return nil, err
	}
	if err := os.MkdirAll(o.Dir, 0o755); err != nil {
		return nil, fmt.Errorf("make the data folder of Redis: %w", err)
	}
	child, err := startProcess(processSpec{
		engine: "Redis", path: program, dir: o.Dir,
		args:    append([]string{filepath.Base(program)}, redisArgs(o, port)...),
		logFile: filepath.Join(o.Dir, "redis.log"),
	})
	if err != nil {
		return nil, err
	}
	server := &Redis{Addr: address(port), process: child}
	if err := child.awaitReady(ctx, server.answers); err != nil {
		return nil, err
	}
	return server, nil
}

func redisProgram(ctx context.Context, progress io.Writer) (string, error) {
	for _, name := range []string{"redis-server", valkeyServer} {
		if path, err := exec.LookPath(name); err == nil {
			return path, nil
		}
	}
	return valkey(ctx, progress)
}

func redisArgs(o RedisOptions, port int) []string {
	keep := "no"
	if o.AppendOnly {
		keep = "yes"
	}
	args := []string{
		"--bind", loopback, "--port", strconv.Itoa(port),
		"--dir", o.Dir, "--daemonize", "no", "--loglevel", "warning",
		"--save", "", "--appendonly", keep, "--appendfsync", "everysec",
		"--maxmemory-policy", "noeviction",
	}
	return append(args, o.Args...)
}

// answers is nil when the server answers, which it does not while it loads.
func (r *Redis) answers(ctx context.Context) error {
	client := redis.NewClient(&redis.Options{Addr: r.Addr, MaxRetries: -1})
	defer client.Close() //nolint:errcheck // a look only
	return client.Ping(ctx).Err()
}

// Stop ends the server; kept data stays. When ctx is done first, it is killed.
func (r *Redis) Stop(ctx context.Context) error {
	return r.process.stop(ctx, func() error { return r.process.cmd.Process.Signal(syscall.SIGTERM) })
}

// Ended is closed when the server is gone, for whatever reason.
func (r *Redis) Ended() <-chan struct{} { return r.process.ended }

// PID is the server's process id.
func (r *Redis) PID() int { return r.process.pid() }
