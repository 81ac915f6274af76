package config

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"os"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/grapevinehq/grapevine/pipeline/program"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// await asks until a condition holds.
func await(t *testing.T, what string, holds func() bool) {
	t.Helper()
	for deadline := time.Now().Add(20 * time.Second); !holds(); time.Sleep(time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatal("never:", what)
		}
	}
}

func TestWatcher_takes_changes_and_keeps_the_last_good_catalog(t *testing.T) {
	folder := t.TempDir()
	write(t, folder, "programs.yaml", "version: 1\norgs: [{id: one}]\n")
	changes := make(chan *program.Catalog, 10)
	w, err := NewWatcher(folder, WatcherOptions{
		Interval: time.Millisecond, Log: slog.New(slog.DiscardHandler),
		Take: func(_ context.Context, c *program.Catalog) error { changes <- c; return nil },
	})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- w.Run(ctx) }()
	first := w.Current()

	write(t, folder, "programs.yaml", "version: 1\norgs: [{id: second}]\n")
	second := <-changes
	await(t, "the second", func() bool { return w.Current() == second })
	if second.Orgs["second"] == nil || w.Current() != second || first.Orgs["one"] == nil {
		t.Errorf("orgs %v", second.Orgs)
	}

	write(t, folder, "more.yaml", "version: 1\norgs: [{idd: third}]\n")
	await(t, "an error", func() bool { return w.State().Refused != nil })
	if err := w.State().Refused.Error(); w.Current() != second || !strings.Contains(err, "more.yaml:2:9") || !strings.Contains(err, second.Revision[:12]) {
		t.Errorf("error %v", err)
	}

	write(t, folder, "more.yaml", "version: 1\norgs: [{id: third}]\n")
	third := <-changes
	await(t, "the third", func() bool { return w.Current() == third })
	if third.Orgs["third"] == nil || w.State().Refused != nil {
		t.Errorf("orgs %v, error %v", third.Orgs, w.State().Refused)
	}

	if err := os.RemoveAll(folder); err != nil {
		t.Fatal(err)
	}
	await(t, "an error", func() bool { return w.State().Refused != nil })
	if w.Current().Orgs["third"] == nil {
		t.Error("the last good catalog is gone")
	}
	cancel()
	if err := <-done; err != nil {
		t.Error(err)
	}
}

func TestNewWatcher_refuses_a_bad_file(t *testing.T) {
	if _, err := NewWatcher("testdata/bad", WatcherOptions{Interval: time.Second, Log: slog.Default()}); err == nil {
		t.Error("no error")
	}
}

func TestWatcher_reads_a_change_once_and_when_it_has_settled(t *testing.T) {
	folder := t.TempDir()
	write(t, folder, "programs.yaml", "version: 1\n")
	var out bytes.Buffer
	w, err := NewWatcher(folder, WatcherOptions{Interval: time.Hour, Log: slog.New(slog.NewTextHandler(&out, nil))})
	if err != nil {
		t.Fatal(err)
	}
	w.look(t.Context())
	write(t, folder, "programs.yaml", "version: 1\norgs: [{id: a")
	w.look(t.Context())
	if w.State().Refused != nil {
		t.Error("read while it was being written")
	}
	for range 5 {
		w.look(t.Context())
	}
	if n := strings.Count(out.String(), "were not reloaded"); n != 1 || w.State().Refused == nil {
		t.Errorf("told %d times: %s", n, out.String())
	}
}

// clock is a time that a test sets.
type clock struct{ time.Time }

func (c *clock) now() time.Time { return c.Time }

func TestWatcher_tells_each_change_of_its_state_once(t *testing.T) {
	folder := t.TempDir()
	write(t, folder, "programs.yaml", "version: 1\norgs: [{id: one}]\n")
	at := &clock{time.Date(2026, 11, 1, 10, 0, 0, 0, time.UTC)}
	var told []WatcherState
	var away error
	taken := 0
	w, err := NewWatcher(folder, WatcherOptions{
		Interval: time.Hour, Log: slog.New(slog.DiscardHandler), Now: at.now,
		Changed: func(s WatcherState) { told = append(told, s) },
		Take:    func(context.Context, *program.Catalog) error { taken++; return away },
	})
	if err != nil {
		t.Fatal(err)
	}
	looks := func() WatcherState {
		t.Helper()
		for range 3 {
			at.Time = at.Add(time.Minute)
			w.look(t.Context())
		}
		return w.State()
	}
	first := w.State()
	if looks(); len(told) != 1 || taken != 0 || first.Refused != nil || !first.Taken.Equal(time.Date(2026, 11, 1, 10, 0, 0, 0, time.UTC)) {
		t.Errorf("told %+v", told)
	}
	// A bad file: the first one decides on, and since when it is so.
	write(t, folder, "programs.yaml", "version: 1\norgs: [{idd: two}]\n")
	refused := looks()
	if looks(); len(told) != 2 || refused.Catalog != first.Catalog || refused.Refused == nil || !refused.Since.Equal(time.Date(2026, 11, 1, 10, 5, 0, 0, time.UTC)) || taken != 0 {
		t.Errorf("told %+v", told)
	}
	// As it was: nothing is taken, and nothing refused any more.
	write(t, folder, "programs.yaml", "version: 1\norgs: [{id: one}]\n")
	if s := looks(); len(told) != 3 || s.Refused != nil || !s.Since.IsZero() || s.Catalog != first.Catalog || taken != 0 {
		t.Errorf("told %+v", told)
	}
	// A good one that cannot be made to decide: refused, and offered until it is taken.
	away = errors.New("redis has the wrong settings")
	write(t, folder, "programs.yaml", "version: 1\norgs: [{id: three}]\n")
	if s := looks(); len(told) != 4 || !errors.Is(s.Refused, away) || s.Catalog != first.Catalog || taken != 2 {
		t.Errorf("told %+v, offered %d times", told, taken)
	}
	away = nil
	if s := looks(); len(told) != 5 || s.Refused != nil || s.Catalog.Orgs["three"] == nil || taken != 3 {
		t.Errorf("told %+v", told)
	}
	// While it is offered the files go bad: it is offered no longer.
	away = errors.New("redis has the wrong settings")
	write(t, folder, "programs.yaml", "version: 1\norgs: [{id: four}]\n")
	looks()
	write(t, folder, "programs.yaml", "version: 1\norgs: [{idd: five}]\n")
	looks()
	away = nil
	if s := looks(); s.Catalog.Orgs["three"] == nil || s.Refused == nil {
		t.Errorf("state %+v", s)
	}
}
