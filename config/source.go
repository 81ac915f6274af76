package config

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
)

// sourceFile is one file of programs, byte by byte.
type sourceFile struct {
	name string // relative to the folder, with slashes
	path string // as the operator would open it
	text []byte
}

const (
	sourceHeader = "grapevine programs 1\n"
	maxFileBytes = 64 << 20
)

// readSource reads a file, or every .yaml and .yml file under a folder, sorted
// by name. Hidden files and folders are left out.
func readSource(path string) ([]sourceFile, error) {
	info, err := os.Stat(path)
	if err != nil {
		return nil, fmt.Errorf("read programs: %w", err)
	}
	if !info.IsDir() {
		text, err := readFile(path)
		return []sourceFile{{filepath.Base(path), path, text}}, err
	}
	paths, err := programFiles(path)
	if err != nil {
		return nil, fmt.Errorf("read programs: %w", err)
	}
	if len(paths) == 0 {
		return nil, fmt.Errorf("read programs: the folder %s holds no .yaml file", path)
	}
	files := make([]sourceFile, 0, len(paths))
	for _, p := range paths {
		text, err := readFile(p)
		if err != nil {
			return nil, err
		}
		name, err := filepath.Rel(path, p)
		if err != nil {
			return nil, fmt.Errorf("read programs: %w", err)
		}
		files = append(files, sourceFile{filepath.ToSlash(name), p, text})
	}
	slices.SortFunc(files, func(a, b sourceFile) int { return strings.Compare(a.name, b.name) })
	return files, nil
}

// programFiles walks a folder. Links to files are followed, as a mounted
// configuration map is made of them.
func programFiles(folder string) (paths []string, err error) {
	err = filepath.WalkDir(folder, func(p string, entry fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if p != folder && strings.HasPrefix(entry.Name(), ".") {
			if entry.IsDir() {
				return fs.SkipDir
			}
			return nil
		}
		ext := filepath.Ext(p)
		if entry.IsDir() || ext != ".yaml" && ext != ".yml" {
			return nil
		}
		info, err := os.Stat(p)
		if err != nil {
			return err
		}
		if info.Mode().IsRegular() {
			paths = append(paths, p)
		}
		return nil
	})
	return paths, err
}

func readFile(path string) ([]byte, error) {
	info, err := os.Stat(path)
	if err != nil {
		return nil, fmt.Errorf("read programs: %w", err)
	}
	if info.Size() > maxFileBytes {
		return nil, fmt.Errorf("read programs: %s is larger than %d MiB; split it into a folder of files", path, maxFileBytes>>20)
	}
	text, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("read programs: %w", err)
	}
	return text, nil
}

// pack is the canonical text of a revision: a header, then for each file its
// length, its name and its exact bytes. Where the files lay does not matter.
func pack(files []sourceFile) []byte {
	var out bytes.Buffer
	out.WriteString(sourceHeader)
	for _, f := range files {
		fmt.Fprintf(&out, "file %d %s\n", len(f.text), f.name)
		out.Write(f.text)
		out.WriteByte('\n')
	}
	return out.Bytes()
}

// errSource is a stored revision that is not one.
var errSource = errors.New("is not a stored revision of programs")

// unpack is the inverse of pack.
func unpack(source []byte) ([]sourceFile, error) {
	rest, ok := bytes.CutPrefix(source, []byte(sourceHeader))
	if !ok {
		return nil, errSource
	}
	var files []sourceFile
	for len(rest) > 0 {
		line, after, found := bytes.Cut(rest, []byte("\n"))
		fields := strings.SplitN(string(line), " ", 3)
		if !found || len(fields) != 3 || fields[0] != "file" {
			return nil, errSource
		}
		size, err := strconv.Atoi(fields[1])
		if err != nil || size < 0 || size >= len(after) || after[size] != '\n' {
			return nil, errSource
		}
		files = append(files, sourceFile{fields[2], fields[2], after[:size]})
		rest = after[size+1:]
	}
	if len(files) == 0 {
		return nil, errSource
	}
	return files, nil
}

// revision names a canonical text.
func revision(source []byte) string {
	sum := sha256.Sum256(source)
	return hex.EncodeToString(sum[:])
}
