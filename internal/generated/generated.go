// Package generated holds files under docs against the code that they are made of.
//
// A test makes the file's content and calls [UpToDate]; with -update it writes the
// file instead, which is what `go generate` runs.
package generated

import (
	"bytes"
	"flag"
	"os"
	"testing"
)

var update = flag.Bool("update", false, "write the generated files under docs")

// UpToDate compares the file at path with what it must be, or writes it. of is the
// package that makes it, as "./config", for the error.
func UpToDate(t testing.TB, path string, want []byte, of string) {
	t.Helper()
	if *update {
		if err := os.WriteFile(path, want, 0o644); err != nil { //nolint:gosec // a page of the docs
			t.Fatal(err)
		}
		return
	}
	got, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(got, want) {
		t.Errorf("%s is stale: run `go generate %s`", path, of)
	}
}
