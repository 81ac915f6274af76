//go:build failpoints

package failpoint

import (
	"fmt"
	"os"
	"path/filepath"
)

// On tells whether this program was built with fail points.
const On = true

// Folder is the variable that names a folder. Its file `passed` takes the name of
// every point that is passed. Who writes a name into its file `armed` has the
// process that passes there next die of SIGKILL, and the file is gone then.
const Folder = "FAILPOINTS"

// hit passes a point, or dies there.
func hit(name string) {
	folder := os.Getenv(Folder)
	if folder == "" {
		return
	}
	armed := filepath.Join(folder, "armed")
	if text, err := os.ReadFile(armed); err == nil && string(text) == name && os.Remove(armed) == nil {
		die()
	}
	passed, err := os.OpenFile(filepath.Join(folder, "passed"), os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o644)
	if err != nil {
		panic(fmt.Sprintf("pass %s: %v", name, err)) // the folder is the test's
	}
	defer passed.Close() //nolint:errcheck // one line, which the next would miss
	fmt.Fprintln(passed, name)
}

// die is kill -9: nothing of the process survives, and nothing is told.
func die() {
	if self, err := os.FindProcess(os.Getpid()); err == nil {
		_ = self.Kill()
	}
	select {} // until it takes effect
}
