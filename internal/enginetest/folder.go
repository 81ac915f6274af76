package enginetest

import (
	"errors"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
)

// folderPrefix stands before the process id in the name of a data folder.
const folderPrefix = "grapevine-engines-"

// removeAbandoned removes the data folders of test processes that were killed
// and could not do it themselves.
func removeAbandoned() {
	folders, _ := filepath.Glob(filepath.Join(os.TempDir(), folderPrefix+"*")) // the pattern is well formed
	for _, folder := range folders {
		pid, _, _ := strings.Cut(strings.TrimPrefix(filepath.Base(folder), folderPrefix), "-")
		if owner, err := strconv.Atoi(pid); err == nil && errors.Is(syscall.Kill(owner, 0), syscall.ESRCH) {
			os.RemoveAll(folder) //nolint:errcheck // another process may be at it too
		}
	}
}
