package engine

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
)

// FolderEnv names the environment variable that overrides where fetched engines
// are kept.
const FolderEnv = "GRAPEVINE_ENGINES"

const modulePath = "github.com/grapevinehq/grapevine"

// Folder is where fetched engines are kept: what [FolderEnv] says, or else
// .engines at the top of the checkout that the working directory is in, or else
// grapevine/engines in the user's cache. The folder need not exist yet.
func Folder() (string, error) {
	if dir := os.Getenv(FolderEnv); dir != "" {
		return filepath.Abs(dir)
	}
	if top, ok := checkout(); ok {
		return filepath.Join(top, ".engines"), nil
	}
	cache, err := os.UserCacheDir()
	if err != nil {
		return "", fmt.Errorf("find a folder for engines (set %s to choose one): %w", FolderEnv, err)
	}
	return filepath.Join(cache, "grapevine", "engines"), nil
}

// checkout returns the nearest folder at or above the working directory that
// holds the source of this module.
func checkout() (string, bool) {
	dir, err := os.Getwd()
	if err != nil {
		return "", false
	}
	for {
		if declaresModule(filepath.Join(dir, "go.mod")) {
			return dir, true
		}
		parent := filepath.Dir(dir)
		if parent == dir {
			return "", false
		}
		dir = parent
	}
}

// makeFolder makes an engine's data folder and returns it as an absolute path:
// the engine may have another working directory.
func makeFolder(engine, dir string) (string, error) {
	if dir == "" {
		return "", fmt.Errorf("start %s: no data folder is given", engine)
	}
	absolute, err := filepath.Abs(dir)
	if err != nil {
		return "", fmt.Errorf("find the data folder of %s: %w", engine, err)
	}
	if err := os.MkdirAll(absolute, 0o755); err != nil {
		return "", fmt.Errorf("make the data folder of %s: %w", engine, err)
	}
	return absolute, nil
}

func declaresModule(file string) bool {
	text, err := os.ReadFile(file)
	if err != nil {
		return false
	}
	for line := range strings.Lines(string(text)) {
		if strings.TrimSpace(line) == "module "+modulePath {
			return true
		}
	}
	return false
}
