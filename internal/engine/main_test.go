package engine_test

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/grapevinehq/grapevine/internal/engine"
)

// parentFolder is set for a copy of the test program that only starts engines
// in that folder and waits to be killed.
const parentFolder = "GRAPEVINE_TEST_PARENT"

func TestMain(m *testing.M) {
	engine.MaybeRunChild()
	if dir := os.Getenv(parentFolder); dir != "" {
		os.Exit(parent(dir))
	}
	goleak.VerifyTestMain(m)
}

// started is what a parent tells of the engines that it has started.
type started struct {
	Kafka, Redis, ClickHouse string
	PIDs                     []int
}

// parent starts all engines, tells of them on standard output, and waits.
func parent(dir string) int {
	e, err := engine.Start(context.Background(), engine.Options{Dir: dir})
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	err = json.NewEncoder(os.Stdout).Encode(started{
		Kafka: e.Kafka.Addr, Redis: e.Redis.Addr, ClickHouse: e.ClickHouse.Addr,
		PIDs: []int{e.Redis.PID(), e.ClickHouse.PID()},
	})
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	select {}
}

// startParent runs a parent and returns it with what it told.
func startParent(t *testing.T, dir string) (*exec.Cmd, started) {
	t.Helper()
	cmd := exec.Command("/proc/self/exe")
	cmd.Env = append(os.Environ(), parentFolder+"="+dir)
	cmd.Stderr = os.Stderr
	output, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		cmd.Process.Kill()
		cmd.Wait()
	})
	line, err := bufio.NewReader(output).ReadBytes('\n')
	if err != nil && !errors.Is(err, io.EOF) {
		t.Fatal(err)
	}
	var told started
	if err := json.Unmarshal(line, &told); err != nil {
		t.Fatalf("the parent told %q: %v", line, err)
	}
	return cmd, told
}

// startAll starts all engines in dir for this test.
func startAll(t *testing.T, dir string) *engine.Engines {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Minute) // a first fetch included
	defer cancel()
	e, err := engine.Start(ctx, engine.Options{Dir: dir})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { stop(t, e.Stop) })
	return e
}

func stop(t *testing.T, stop func(context.Context) error) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
	defer cancel()
	if err := stop(ctx); err != nil {
		t.Error(err)
	}
}
