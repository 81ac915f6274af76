package engine

import (
	"context"
	"fmt"
	"io"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"

	"github.com/redis/go-redis/v9"
)

const redisName = "Redis"

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
	return onFreePort(o.Port.Number == 0, func() (*Redis, error) { return startRedis(ctx, o) })
}

func startRedis(ctx context.Context, o RedisOptions) (*Redis, error) {
	port, err := o.Port.choose(redisName)
	if err != nil {
		return nil, err
	}
	program, err := redisProgram(ctx, o.Progress)
	if err != nil {
		return nil, err
	}
	if o.Dir, err = makeFolder(redisName, o.Dir); err != nil {
		return nil, err
	}
	child, err := startProcess(processSpec{
		engine: redisName, path: program, dir: o.Dir,
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

// answers is nil when this very server answers, which it does not while it loads.
func (r *Redis) answers(ctx context.Context) error {
	client := redis.NewClient(&redis.Options{Addr: r.Addr, MaxRetries: -1})
	defer client.Close() //nolint:errcheck // a look only
	if err := client.Ping(ctx).Err(); err != nil {
		return err
	}
	info, err := client.Info(ctx, "server").Result()
	if err != nil {
		return err
	}
	if !strings.Contains(info, fmt.Sprintf("process_id:%d\r\n", r.PID())) {
		return errStranger
	}
	return nil
}

// Stop ends the server; kept data stays. When ctx is done first, it is killed.
func (r *Redis) Stop(ctx context.Context) error {
	return r.process.stop(ctx, func() error { return r.process.cmd.Process.Signal(syscall.SIGTERM) })
}

// Ended is closed when the server is gone, for whatever reason.
func (r *Redis) Ended() <-chan struct{} { return r.process.ended }

// PID is the server's process id.
func (r *Redis) PID() int { return r.process.pid() }
