package engine_test

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/grapevinehq/grapevine/internal/engine"
)

func TestStart_keeps_data_between_runs(t *testing.T) {
	dir := t.TempDir()
	first := startAll(t, dir)
	leaveMarks(t, first.Kafka.Addr, first.Redis.Addr, first.ClickHouse.Addr)
	stop(t, first.Stop)

	second := startAll(t, dir)
	findMarks(t, second.Kafka.Addr, second.Redis.Addr, second.ClickHouse.Addr)
}

func TestStart_without_folder_leaves_nothing(t *testing.T) {
	temporary := t.TempDir()
	t.Setenv("TMPDIR", temporary)
	e := startAll(t, "")
	stop(t, e.Stop)
	if left, err := os.ReadDir(temporary); err != nil || len(left) > 0 {
		t.Errorf("left behind: %v (%v)", left, err)
	}
}

func TestKilled_parent_takes_its_engines_along_and_their_data_stays(t *testing.T) {
	dir := t.TempDir()
	cmd, told := startParent(t, dir)
	leaveMarks(t, told.Kafka, told.Redis, told.ClickHouse)

	if err := cmd.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	cmd.Wait()
	for _, pid := range told.PIDs {
		awaitGone(t, pid)
	}

	again := startAll(t, dir)
	findMarks(t, again.Kafka.Addr, again.Redis.Addr, again.ClickHouse.Addr)
}

// awaitGone fails the test if a process is still there after ten seconds. One
// that is dead but not yet reaped counts as gone.
func awaitGone(t *testing.T, pid int) {
	t.Helper()
	for deadline := time.Now().Add(10 * time.Second); ; time.Sleep(10 * time.Millisecond) {
		status, err := os.ReadFile(filepath.Join("/proc", strconv.Itoa(pid), "status"))
		if errors.Is(err, os.ErrNotExist) || errors.Is(err, syscall.ESRCH) || strings.Contains(string(status), "State:\tZ") {
			return
		}
		if time.Now().After(deadline) {
			t.Fatalf("process %d outlives its parent:\n%s", pid, status)
		}
	}
}

// The kernel ties a child's life to the thread that forked it. A thread may end
// long before its process does.
func TestEngine_outlives_the_thread_that_asked_for_it(t *testing.T) {
	var (
		server *engine.Redis
		err    error
	)
	onThreadThatEnds(t, func() {
		server, err = engine.StartRedis(context.Background(), engine.RedisOptions{Dir: t.TempDir()})
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { stop(t, server.Stop) })
	select {
	case <-server.Ended():
		t.Error("Redis ended with the thread")
	default:
	}
	inRedis(t, server.Addr, func(client *redis.Client) error { return client.Ping(t.Context()).Err() })
}

// onThreadThatEnds runs do on a thread of its own, and returns when the thread
// is gone. The program's first thread never ends, so it is passed over.
func onThreadThatEnds(t *testing.T, do func()) {
	t.Helper()
	passedOver := make(chan struct{})
	defer close(passedOver)
	thread := make(chan int)
	run := func() {
		runtime.LockOSThread() // never unlocked: the thread ends with the goroutine
		if syscall.Gettid() == os.Getpid() {
			thread <- 0
			<-passedOver
			return
		}
		do()
		thread <- syscall.Gettid()
	}
	go run()
	id := <-thread
	if id == 0 {
		go run()
		id = <-thread
	}
	for deadline := time.Now().Add(10 * time.Second); time.Now().Before(deadline); runtime.Gosched() {
		if _, err := os.Stat(fmt.Sprintf("/proc/self/task/%d", id)); err != nil {
			return
		}
	}
	t.Fatalf("thread %d does not end", id)
}

func TestWait_names_an_engine_that_ended_by_itself(t *testing.T) {
	e := startAll(t, t.TempDir())
	if err := syscall.Kill(e.Redis.PID(), syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	if err := e.Wait(t.Context()); err == nil || !strings.HasPrefix(err.Error(), "Redis ended by itself (signal: killed)") {
		t.Errorf("Wait: %v", err)
	}
}

func TestWait_returns_when_it_is_told_to(t *testing.T) {
	e := startAll(t, t.TempDir())
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := e.Wait(ctx); err != nil {
		t.Errorf("Wait: %v", err)
	}
}

func TestStop_kills_what_does_not_end_in_time(t *testing.T) {
	server, err := engine.StartRedis(t.Context(), engine.RedisOptions{Dir: t.TempDir()})
	if err != nil {
		t.Fatal(err)
	}
	if err := syscall.Kill(server.PID(), syscall.SIGSTOP); err != nil { // it cannot hear
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	if err := server.Stop(ctx); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("Stop: %v", err)
	}
	awaitGone(t, server.PID())
}

func TestStart_names_every_port_that_is_taken(t *testing.T) {
	take := func(change string) engine.Port {
		listener, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { listener.Close() })
		return engine.Port{Number: listener.Addr().(*net.TCPAddr).Port, Change: change}
	}
	o := engine.Options{
		Dir: t.TempDir(), Kafka: take("--kafka-port"), Redis: take("--redis-port"),
		ClickHouse: take("--clickhouse-port"), HTTP: take("--clickhouse-http-port"),
	}
	_, err := engine.Start(t.Context(), o)
	var taken *engine.PortTakenError
	if !errors.As(err, &taken) {
		t.Fatalf("Start: %v", err)
	}
	for _, want := range []struct {
		name string
		port engine.Port
	}{{"Kafka", o.Kafka}, {"Redis", o.Redis}, {"ClickHouse", o.ClickHouse}, {"ClickHouse HTTP", o.HTTP}} {
		line := fmt.Sprintf("port %d on 127.0.0.1, for %s, is taken by another program: stop it, or choose another port with %s", want.port.Number, want.name, want.port.Change)
		if !strings.Contains(err.Error(), line) {
			t.Errorf("%q is not in:\n%v", line, err)
		}
	}
}

func TestStart_refuses_a_folder_in_use(t *testing.T) {
	dir := t.TempDir()
	startAll(t, dir)
	if _, err := engine.Start(t.Context(), engine.Options{Dir: dir}); err == nil || !strings.Contains(err.Error(), "another process runs its engines there") {
		t.Errorf("second Start in the same folder: %v", err)
	}
}

func TestStart_tells_why_an_engine_did_not_start(t *testing.T) {
	_, err := engine.StartRedis(t.Context(), engine.RedisOptions{Dir: t.TempDir(), Args: []string{"--no-such-setting", "1"}})
	if err == nil || !strings.Contains(err.Error(), "ended while it was starting") || !strings.Contains(err.Error(), "no-such-setting") {
		t.Errorf("StartRedis: %v", err)
	}
}
