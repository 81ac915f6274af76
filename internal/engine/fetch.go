package engine

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"
)

// ErrUnavailable is what every error wraps that says an engine cannot be had on
// this machine: no program on PATH, none pinned for the platform, or a fetch
// that failed. Its text says what to install instead.
var ErrUnavailable = errors.New("engine is not available")

// fetchOnce returns the folder name inside [Folder], after fill has filled it if
// it was not there. fill gets an empty folder that takes the final name only
// when fill succeeds, so a folder that exists is complete. Processes that fetch
// at once wait for each other.
func fetchOnce(ctx context.Context, name string, progress io.Writer, fill func(dir string) error) (string, error) {
	root, err := Folder()
	if err != nil {
		return "", err
	}
	final := filepath.Join(root, name)
	if isFolder(final) {
		return final, nil
	}
	if err := os.MkdirAll(root, 0o755); err != nil {
		return "", fmt.Errorf("make the folder for engines: %w", err)
	}
	unlock, err := lockFile(ctx, filepath.Join(root, name+".lock"), func() {
		say(progress, "another process is fetching %s, waiting for it", name)
	})
	if err != nil {
		return "", err
	}
	defer unlock()
	if isFolder(final) {
		return final, nil
	}
	return final, fillAndRename(filepath.Join(root, ".partial-"+name), final, fill)
}

// fillAndRename is called under the lock, so a partial folder that is there is
// what a killed fetch has left.
func fillAndRename(partial, final string, fill func(dir string) error) error {
	if err := os.RemoveAll(partial); err != nil {
		return fmt.Errorf("remove what an earlier fetch has left: %w", err)
	}
	if err := os.Mkdir(partial, 0o755); err != nil {
		return fmt.Errorf("make a folder to fetch into: %w", err)
	}
	defer os.RemoveAll(partial) //nolint:errcheck // after the rename there is nothing left to remove
	if err := fill(partial); err != nil {
		return err
	}
	if err := os.Rename(partial, final); err != nil {
		return fmt.Errorf("put the fetched engine in place: %w", err)
	}
	return nil
}

// runClient runs a package client in dir, says every few seconds that it is
// still at it, and puts the end of its output into the error.
func runClient(ctx context.Context, progress io.Writer, what, dir, program string, args ...string) error {
	start := time.Now()
	say(progress, "fetching %s with %s", what, filepath.Base(program))
	cmd := exec.CommandContext(ctx, program, args...)
	cmd.Dir = dir
	var output strings.Builder
	cmd.Stdout, cmd.Stderr = &output, &output
	cmd.WaitDelay = 5 * time.Second // a client that is killed may leave children that hold its output open
	stop := tick(progress, what, start)
	err := cmd.Run()
	stop()
	if err != nil {
		return fmt.Errorf("%s %s: %w: %s", program, strings.Join(args, " "), err, lastLines(output.String(), 8))
	}
	say(progress, "fetched %s in %s", what, time.Since(start).Round(100*time.Millisecond))
	return nil
}

// tick reports every three seconds that a fetch goes on, until it is stopped.
func tick(progress io.Writer, what string, start time.Time) (stop func()) {
	ended, gone := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(gone)
		ticker := time.NewTicker(3 * time.Second)
		defer ticker.Stop()
		for {
			select {
			case <-ended:
				return
			case <-ticker.C:
				say(progress, "still fetching %s, %s so far", what, time.Since(start).Round(time.Second))
			}
		}
	}()
	return func() { close(ended); <-gone }
}

func say(progress io.Writer, format string, args ...any) {
	if progress == nil {
		progress = os.Stderr
	}
	fmt.Fprintf(progress, "engines: "+format+"\n", args...)
}

func isFolder(path string) bool {
	info, err := os.Stat(path)
	return err == nil && info.IsDir()
}

func lastLines(text string, n int) string {
	lines := strings.Split(strings.TrimSpace(text), "\n")
	return strings.Join(lines[max(0, len(lines)-n):], "\n")
}
