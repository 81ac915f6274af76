package config

import (
	"bytes"
	"context"
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
	w, err := NewWatcher(folder, time.Millisecond, slog.New(slog.NewTextHandler(&bytes.Buffer{}, nil)), func(c *program.Catalog) { changes <- c })
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- w.Run(ctx) }()
	first := w.Current()

	write(t, folder, "programs.yaml", "version: 1\norgs: [{id: second}]\n")
	second := <-changes
	if second.Orgs["second"] == nil || w.Current() != second || first.Orgs["one"] == nil {
		t.Errorf("orgs %v", second.Orgs)
	}

	write(t, folder, "more.yaml", "version: 1\norgs: [{idd: third}]\n")
	await(t, "an error", func() bool { return w.Err() != nil })
	if w.Current() != second || !strings.Contains(w.Err().Error(), "more.yaml:2:9") || !strings.Contains(w.Err().Error(), second.Revision[:12]) {
		t.Errorf("error %v", w.Err())
	}

	write(t, folder, "more.yaml", "version: 1\norgs: [{id: third}]\n")
	if third := <-changes; third.Orgs["third"] == nil || w.Err() != nil {
		t.Errorf("orgs %v, error %v", third.Orgs, w.Err())
	}

	if err := os.RemoveAll(folder); err != nil {
		t.Fatal(err)
	}
	await(t, "an error", func() bool { return w.Err() != nil })
	if w.Current().Orgs["third"] == nil {
		t.Error("the last good catalog is gone")
	}
	cancel()
	if err := <-done; err != nil {
		t.Error(err)
	}
}

func TestNewWatcher_refuses_a_bad_file(t *testing.T) {
	if _, err := NewWatcher("testdata/bad", time.Second, slog.Default(), nil); err == nil {
		t.Error("no error")
	}
}

func TestWatcher_reads_a_change_once_and_when_it_has_settled(t *testing.T) {
	folder := t.TempDir()
	write(t, folder, "programs.yaml", "version: 1\n")
	var out bytes.Buffer
	w, err := NewWatcher(folder, time.Hour, slog.New(slog.NewTextHandler(&out, nil)), nil)
	if err != nil {
		t.Fatal(err)
	}
	w.look()
	write(t, folder, "programs.yaml", "version: 1\norgs: [{id: a")
	w.look()
	if w.Err() != nil {
		t.Error("read while it was being written")
	}
	for range 5 {
		w.look()
	}
	if n := strings.Count(out.String(), "were not reloaded"); n != 1 || w.Err() == nil {
		t.Errorf("told %d times: %s", n, out.String())
	}
}
