package e2e

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
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
	path := filepath.Join(binaryFolder, "grapevine")
	args := []string{"build", "-o", path}
	if raceDetector {
		args = append(args, "-race")
	}
	build := exec.Command("go", append(args, "../../cmd/grapevine")...)
	if output, err := build.CombinedOutput(); err != nil {
		return "", fmt.Errorf("build the program: %w: %s", err, output)
	}
	return path, nil
})
