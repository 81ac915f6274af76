package engine

import (
	"crypto/sha256"
	"crypto/sha512"
	"encoding/hex"
	"fmt"
	"hash"
	"io"
	"os"
	"path/filepath"
)

// checkSHA512 compares a file with its pinned checksum, in hex.
func checkSHA512(file, want string) error { return checkSum(file, sha512.New(), want) }

// checkSHA256 compares a file with its pinned checksum, in hex.
func checkSHA256(file, want string) error { return checkSum(file, sha256.New(), want) }

func checkSum(file string, sum hash.Hash, want string) error {
	f, err := os.Open(file)
	if err != nil {
		return fmt.Errorf("check %s: %w", filepath.Base(file), err)
	}
	defer f.Close() //nolint:errcheck // only read from
	if _, err := io.Copy(sum, f); err != nil {
		return fmt.Errorf("check %s: %w", filepath.Base(file), err)
	}
	if got := hex.EncodeToString(sum.Sum(nil)); got != want {
		return fmt.Errorf("check %s: its checksum is %s, pinned is %s: it is not the file that was pinned, and is not used", filepath.Base(file), got, want)
	}
	return nil
}

// onlyMatch returns the one file in dir that matches the pattern.
func onlyMatch(dir, pattern string) (string, error) {
	found, err := filepath.Glob(filepath.Join(dir, pattern))
	if err != nil {
		return "", err
	}
	if len(found) != 1 {
		return "", fmt.Errorf("expected one %s to be fetched, found %d", pattern, len(found))
	}
	return found[0], nil
}

func writeFile(target string, content io.Reader, mode os.FileMode) error {
	f, err := os.OpenFile(target, os.O_CREATE|os.O_WRONLY|os.O_TRUNC, mode)
	if err != nil {
		return err
	}
	if _, err := io.Copy(f, content); err != nil {
		f.Close() //nolint:errcheck // the copy's error is the one to tell
		return fmt.Errorf("write %s: %w", target, err)
	}
	return f.Close()
}
