package engine

import (
	"archive/tar"
	"compress/gzip"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path"
	"path/filepath"
)

const installClickHouse = "install ClickHouse so that `clickhouse` is on PATH, or point the configuration at a ClickHouse server of your own"

// libchdb returns the path of the pinned libchdb.so, fetched by npm the first time.
func libchdb(ctx context.Context, progress io.Writer) (string, error) {
	pin, ok := pins.Libchdb.forThisMachine()
	if !ok {
		return "", fmt.Errorf("%w: no embedded ClickHouse is pinned for %s: %s", ErrUnavailable, platform(), installClickHouse)
	}
	name := "libchdb-" + pins.Libchdb.Version
	dir, err := fetchOnce(ctx, name, progress, func(dir string) error {
		return fetchLibchdb(ctx, progress, pin, dir)
	})
	if err != nil {
		return "", fmt.Errorf("%w: fetch the embedded ClickHouse: %w; %s", ErrUnavailable, err, installClickHouse)
	}
	return filepath.Join(dir, libchdbFile), nil
}

const libchdbFile = "libchdb.so"

func fetchLibchdb(ctx context.Context, progress io.Writer, pin pinnedPackage, dir string) error {
	npm, err := exec.LookPath("npm")
	if err != nil {
		return fmt.Errorf("npm, which fetches it, is not on PATH: %w", err)
	}
	what := fmt.Sprintf("ClickHouse %s (libchdb, %d MB)", pins.Libchdb.Version, pin.Megabytes)
	if err := runClient(ctx, progress, what, dir, npm, "pack", "--silent", pin.Name+"@"+pins.Libchdb.Version); err != nil {
		return err
	}
	archive, err := onlyMatch(dir, "*.tgz")
	if err != nil {
		return err
	}
	say(progress, "checking and unpacking %s", what)
	if err := checkSHA512(archive, pin.SHA512); err != nil {
		return err
	}
	if err := unpackOne(archive, libchdbFile, filepath.Join(dir, libchdbFile)); err != nil {
		return err
	}
	return os.Remove(archive)
}

// unpackOne copies the one file of that base name out of a tar.gz archive.
func unpackOne(archive, base, target string) (err error) {
	f, err := os.Open(archive)
	if err != nil {
		return err
	}
	defer f.Close() //nolint:errcheck // only read from
	unzipped, err := gzip.NewReader(f)
	if err != nil {
		return fmt.Errorf("unpack %s: %w", archive, err)
	}
	files := tar.NewReader(unzipped)
	for {
		header, err := files.Next()
		if errors.Is(err, io.EOF) {
			return fmt.Errorf("unpack %s: it holds no %s", archive, base)
		}
		if err != nil {
			return fmt.Errorf("unpack %s: %w", archive, err)
		}
		if header.Typeflag == tar.TypeReg && path.Base(header.Name) == base {
			return writeFile(target, files, 0o644)
		}
	}
}
