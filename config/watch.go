package config

import (
	"context"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"time"

	"github.com/grapevinehq/grapevine/pipeline/program"
)

// Watcher follows the programs of a running worker: it looks at the files every
// so often (which also sees mounted volumes, where notifications do not arrive),
// loads them anew when they changed, and keeps the last good catalog when the
// new one has problems.
type Watcher struct {
	path     string
	interval time.Duration
	log      *slog.Logger
	onChange func(*program.Catalog)
	current  atomic.Pointer[program.Catalog]
	failure  atomic.Pointer[error]
	seen     string // the files as they were at the last look
	loaded   string // and when they were loaded
}

// NewWatcher loads the programs for the first time; its error is that of
// LoadPrograms. onChange (may be nil) is called by Run, one call at a time, for
// each new revision after the first.
func NewWatcher(path string, interval time.Duration, log *slog.Logger, onChange func(*program.Catalog)) (*Watcher, error) {
	look := fingerprint(path)
	catalog, err := LoadPrograms(path)
	if err != nil {
		return nil, err
	}
	w := &Watcher{path: path, interval: interval, log: log, onChange: onChange, loaded: look}
	w.current.Store(catalog)
	return w, nil
}

// Current is the last good catalog.
func (w *Watcher) Current() *program.Catalog { return w.current.Load() }

// Err is why the files as they are now were not taken; nil when they were.
func (w *Watcher) Err() error {
	if err := w.failure.Load(); err != nil {
		return *err
	}
	return nil
}

// Run looks for changes until the context ends.
func (w *Watcher) Run(ctx context.Context) error {
	ticker := time.NewTicker(w.interval)
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-ticker.C:
			w.look()
		}
	}
}

// look loads when the files differ from those loaded last and have been the
// same for two looks, so that a file is not read while it is being written.
func (w *Watcher) look() {
	now := fingerprint(w.path)
	settled := now == w.seen
	w.seen = now
	if !settled || now == w.loaded {
		return
	}
	w.loaded = now
	w.reload()
}

func (w *Watcher) reload() {
	catalog, err := LoadPrograms(w.path)
	current := w.current.Load()
	if err != nil {
		err = fmt.Errorf("reload programs, going on with revision %.12s: %w", current.Revision, err)
		w.failure.Store(&err)
		w.log.Error("the programs were not reloaded", "programs", w.path, "revision", current.Revision, "error", err)
		return
	}
	w.failure.Store(nil)
	if catalog.Revision == current.Revision {
		return
	}
	w.current.Store(catalog)
	w.log.Info("the programs were reloaded", "programs", w.path, "revision", catalog.Revision, "before", current.Revision)
	if w.onChange != nil {
		w.onChange(catalog)
	}
}

// fingerprint says how the files look from outside: names, sizes and times. It
// is another when anything changed, also when a file cannot be found.
func fingerprint(path string) string {
	var out strings.Builder
	note := func(p string) {
		info, err := os.Stat(p) // of what a link leads to
		if err != nil {
			fmt.Fprintf(&out, "%s %v\n", p, err)
			return
		}
		fmt.Fprintf(&out, "%s %d %d\n", p, info.Size(), info.ModTime().UnixNano())
	}
	info, err := os.Stat(path)
	if err != nil || !info.IsDir() {
		note(path)
		return out.String()
	}
	names, err := programFiles(path)
	if err != nil {
		fmt.Fprintf(&out, "%v\n", err)
	}
	for _, name := range names {
		note(filepath.Join(path, filepath.FromSlash(name)))
	}
	return out.String()
}
