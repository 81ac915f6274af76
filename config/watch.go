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
	path    string
	options WatcherOptions
	state   atomic.Pointer[WatcherState]
	seen    string           // the files as they were at the last look
	loaded  string           // and when they were loaded
	offered *program.Catalog // what Take has not taken yet
}

// WatcherOptions of a watcher.
type WatcherOptions struct {
	Interval time.Duration // between two looks at the files
	Log      *slog.Logger
	// Take makes a new revision decide; Run calls it, one call at a time. What it
	// refuses is offered again at every look until the files change. May be nil.
	Take func(context.Context, *program.Catalog) error
	// Changed is told of every change of the state, first by NewWatcher. May be nil.
	Changed func(WatcherState)
	// Now is the time; nil is time.Now.
	Now func() time.Time
}

// WatcherState is how things stand: what decides, and whether the files say
// something else.
type WatcherState struct {
	Catalog *program.Catalog // the last good one
	Taken   time.Time        // when it began to decide
	// Refused is why the files as they are now were not taken, nil when they were.
	Refused error
	Since   time.Time // when they were refused
}

// NewWatcher loads the programs for the first time; its error is that of
// LoadPrograms.
func NewWatcher(path string, options WatcherOptions) (*Watcher, error) {
	if options.Now == nil {
		options.Now = time.Now
	}
	look := fingerprint(path)
	programs, err := ReadPrograms(path)
	if err != nil {
		return nil, err
	}
	w := &Watcher{path: path, options: options, loaded: look}
	w.warn(programs)
	w.change(WatcherState{Catalog: programs.Catalog, Taken: options.Now()})
	return w, nil
}

// Current is the last good catalog.
func (w *Watcher) Current() *program.Catalog { return w.State().Catalog }

// State is how things stand now.
func (w *Watcher) State() WatcherState { return *w.state.Load() }

func (w *Watcher) change(s WatcherState) {
	w.state.Store(&s)
	if w.options.Changed != nil {
		w.options.Changed(s)
	}
}

func (w *Watcher) warn(programs *Programs) {
	for _, warning := range programs.Warnings {
		w.options.Log.Warn("the programs say what is hardly meant", "warning", warning.String())
	}
}

// Run looks for changes until the context ends.
func (w *Watcher) Run(ctx context.Context) error {
	ticker := time.NewTicker(w.options.Interval)
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-ticker.C:
			w.look(ctx)
		}
	}
}

// look loads when the files differ from those loaded last and have been the
// same for two looks, so that a file is not read while it is being written.
func (w *Watcher) look(ctx context.Context) {
	now := fingerprint(w.path)
	settled := now == w.seen
	w.seen = now
	switch {
	case settled && now != w.loaded:
		w.loaded = now
		w.reload(ctx)
	case w.offered != nil:
		w.offer(ctx, w.offered)
	}
}

func (w *Watcher) reload(ctx context.Context) {
	w.offered = nil
	programs, err := ReadPrograms(w.path)
	if err != nil {
		w.refuse(err)
		return
	}
	if programs.Catalog.Revision == w.Current().Revision {
		if s := w.State(); s.Refused != nil { // they are again as they were
			s.Refused, s.Since = nil, time.Time{}
			w.change(s)
			w.options.Log.Info("the programs are again those that decide", "programs", w.path, "revision", s.Catalog.Revision)
		}
		return
	}
	w.warn(programs)
	w.offer(ctx, programs.Catalog)
}

// offer makes a revision decide, or keeps it for the next look.
func (w *Watcher) offer(ctx context.Context, catalog *program.Catalog) {
	w.offered = catalog
	if w.options.Take != nil {
		if err := w.options.Take(ctx, catalog); err != nil {
			if ctx.Err() == nil {
				w.refuse(err)
			}
			return
		}
	}
	w.offered = nil
	before := w.Current().Revision
	w.change(WatcherState{Catalog: catalog, Taken: w.options.Now()})
	w.options.Log.Info("the programs were reloaded", "programs", w.path, "revision", catalog.Revision, "before", before)
}

// refuse notes why the files are not taken, each reason once.
func (w *Watcher) refuse(err error) {
	s := w.State()
	err = fmt.Errorf("reload programs, going on with revision %.12s: %w", s.Catalog.Revision, err)
	if s.Refused != nil && s.Refused.Error() == err.Error() {
		return
	}
	s.Refused, s.Since = err, w.options.Now()
	w.change(s)
	w.options.Log.Error("the programs were not reloaded", "programs", w.path, "revision", s.Catalog.Revision, "error", err)
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
