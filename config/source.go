package config

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
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
	// Bounds of what is read: a revision is kept whole in Redis and in the books.
	maxBytes   = 64 << 20 // of all files together
	maxEntries = 200_000  // of a folder, whatever they are
)

// readSource reads a file, or every .yaml and .yml file under a folder, sorted
// by name. Hidden files and folders are left out.
func readSource(from string) ([]sourceFile, error) {
	info, err := os.Stat(from)
	if err != nil {
		return nil, fmt.Errorf("read programs: %w", err)
	}
	if !info.IsDir() {
		text, err := readFile(from, maxBytes)
		return []sourceFile{{filepath.Base(from), from, text}}, err
	}
	names, err := programFiles(from)
	if err != nil {
		return nil, fmt.Errorf("read programs: %w", err)
	}
	if len(names) == 0 {
		return nil, fmt.Errorf("read programs: the folder %s holds no .yaml file", from)
	}
	files := make([]sourceFile, len(names))
	left := int64(maxBytes)
	for i, name := range names {
		p := filepath.Join(from, filepath.FromSlash(name))
		text, err := readFile(p, left)
		if err != nil {
			return nil, err
		}
		left -= int64(len(text))
		files[i] = sourceFile{name, p, text}
	}
	return files, nil
}

// programFiles are the names of the files under a folder, with slashes, sorted.
// Links to files are followed, as a mounted configuration map is made of them.
func programFiles(folder string) (names []string, err error) {
	tree := os.DirFS(folder)
	entries := 0
	err = fs.WalkDir(tree, ".", func(name string, entry fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if entries++; entries > maxEntries {
			return fmt.Errorf("the folder %s holds more than %d files and folders; name the one with the programs", folder, maxEntries)
		}
		if name != "." && strings.HasPrefix(entry.Name(), ".") {
			if entry.IsDir() {
				return fs.SkipDir
			}
			return nil
		}
		ext := path.Ext(name)
		if entry.IsDir() || ext != ".yaml" && ext != ".yml" {
			return nil
		}
		info, err := fs.Stat(tree, name)
		if err != nil {
			return err
		}
		if info.Mode().IsRegular() {
			names = append(names, name)
		}
		return nil
	})
	slices.Sort(names)
	return names, err
}

// readFile reads a file of at most so many bytes. What is no file, such as a
// device, might never end.
func readFile(path string, most int64) ([]byte, error) {
	info, err := os.Stat(path)
	if err != nil {
		return nil, fmt.Errorf("read programs: %w", err)
	}
	if !info.Mode().IsRegular() {
		return nil, fmt.Errorf("read programs: %s is neither a file nor a folder", path)
	}
	file, err := os.Open(path)
	if err != nil {
		return nil, fmt.Errorf("read programs: %w", err)
	}
	defer file.Close() //nolint:errcheck // it was only read
	text := bytes.NewBuffer(make([]byte, 0, min(info.Size(), most)+bytes.MinRead))
	if _, err := text.ReadFrom(io.LimitReader(file, most+1)); err != nil {
		return nil, fmt.Errorf("read programs: %w", err)
	}
	if int64(text.Len()) > most {
		return nil, fmt.Errorf("read programs: with %s there are more than %d MiB of them", path, maxBytes>>20)
	}
	return text.Bytes(), nil
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
