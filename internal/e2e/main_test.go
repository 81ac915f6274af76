package e2e

import (
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/grapevinehq/grapevine/internal/engine"
	"github.com/grapevinehq/grapevine/internal/enginetest"
)

func TestMain(m *testing.M) {
	engine.MaybeRunChild()
	os.Exit(run(m))
}

// run gives the binary a folder that is removed at the end.
func run(m *testing.M) int {
	var err error
	if binaryFolder, err = os.MkdirTemp("", "grapevine-e2e-"); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	defer os.RemoveAll(binaryFolder) //nolint:errcheck // a temporary folder
	return enginetest.Run(m)
}

var binaryFolder string

// binary builds the program once, with the race detector if the tests have it.
var binary = sync.OnceValues(func() (string, error) {
	if raceDetector {
		return build("grapevine", "-race")
	}
	return build("grapevine")
})

// mortal builds the program with fail points, without the race detector: hundreds
// of starts are waited for.
var mortal = sync.OnceValues(func() (string, error) { return build("grapevine-mortal", "-tags", "failpoints") })

func build(name string, flags ...string) (string, error) {
	if err := dependOnSources(); err != nil {
		return "", err
	}
	path := filepath.Join(binaryFolder, name)
	args := slices.Concat([]string{"build", "-o", path}, flags, []string{"../../cmd/grapevine"})
	if output, err := exec.Command("go", args...).CombinedOutput(); err != nil {
		return "", fmt.Errorf("build the program: %w: %s", err, output)
	}
	return path, nil
}

// dependOnSources looks at every file that the program may be built of, so that
// `go test` does not answer from its cache when one of them has changed: of the
// program, which is built by hand here, it knows nothing by itself.
func dependOnSources() error {
	const module = "../.."
	return filepath.WalkDir(module, func(path string, entry fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if entry.IsDir() && path != module && strings.HasPrefix(entry.Name(), ".") {
			return fs.SkipDir
		}
		if entry.IsDir() || slices.Contains([]string{".go", ".lua", ".sql", ".txt", ".mod"}, filepath.Ext(path)) {
			_, err = os.Stat(path)
		}
		return err
	})
}
