package enginetest

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/grapevinehq/grapevine/internal/engine"
)

// startTimeout bounds the start of an engine in a test, a first fetch included.
const startTimeout = 5 * time.Minute

// Main runs the tests of a package that uses engines, stops the engines after
// the last one, and exits. It never returns.
func Main(m *testing.M) { os.Exit(Run(m)) }

// MainWithoutLeaks is [Main], and fails if a goroutine is left when the tests
// have passed and the engines have stopped.
func MainWithoutLeaks(m *testing.M, options ...goleak.Option) {
	code := Run(m)
	if code == 0 {
		if err := goleak.Find(options...); err != nil {
			fmt.Fprintf(os.Stderr, "enginetest: %v\n", err)
			code = 1
		}
	}
	os.Exit(code)
}

// Run is [Main] for a TestMain that has something to do after the tests: it
// returns the exit code. In a child that is the embedded ClickHouse it never
// returns.
func Run(m *testing.M) int {
	engine.MaybeRunChild()
	code := m.Run()
	if err := shared.stop(); err != nil {
		fmt.Fprintf(os.Stderr, "enginetest: %v\n", err)
		code = max(code, 1)
	}
	return code
}

// shared are the engines of this test process.
var shared engines

type engines struct {
	mu    sync.Mutex
	dir   string
	stops []func(context.Context) error
}

// folder returns an empty folder for one engine, removed after the last test.
func (e *engines) folder(name string) (string, error) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.dir == "" {
		removeAbandoned()
		dir, err := os.MkdirTemp("", fmt.Sprintf("%s%d-", folderPrefix, os.Getpid()))
		if err != nil {
			return "", err
		}
		e.dir = dir
	}
	dir := filepath.Join(e.dir, name)
	return dir, os.MkdirAll(dir, 0o755)
}

func (e *engines) onStop(stop func(context.Context) error) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.stops = append(e.stops, stop)
}

// stop ends what was started, last first, and removes its data.
func (e *engines) stop() error {
	e.mu.Lock()
	defer e.mu.Unlock()
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	defer cancel()
	var problems []error
	for i := len(e.stops) - 1; i >= 0; i-- {
		problems = append(problems, e.stops[i](ctx))
	}
	if e.dir != "" {
		problems = append(problems, os.RemoveAll(e.dir))
	}
	return errors.Join(problems...)
}

// once starts an engine for the whole process the first time it is asked for.
type once[T interface{ Stop(context.Context) error }] struct {
	do     sync.Once
	engine T
	err    error
}

func (o *once[T]) get(name string, start func(ctx context.Context, dir string) (T, error)) (T, error) {
	o.do.Do(func() {
		ctx, cancel := context.WithTimeout(context.Background(), startTimeout)
		defer cancel()
		dir, err := shared.folder(name)
		if err != nil {
			o.err = err
			return
		}
		if o.engine, o.err = start(ctx, dir); o.err == nil {
			shared.onStop(o.engine.Stop)
		}
	})
	return o.engine, o.err
}
