package engine

import (
	"os"
	"path/filepath"
	"testing"
)

func TestFolder(t *testing.T) {
	home := t.TempDir()
	t.Setenv("XDG_CACHE_HOME", home)
	checkout := t.TempDir()
	inside := filepath.Join(checkout, "a", "b")
	if err := os.MkdirAll(inside, 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(checkout, "go.mod"), []byte("module "+modulePath+"\n\ngo 1.26\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	// A module of somebody else's inside a checkout is passed over.
	if err := os.WriteFile(filepath.Join(inside, "go.mod"), []byte("module "+modulePath+"/other\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct{ name, from, env, want string }{
		{"in a checkout", inside, "", filepath.Join(checkout, ".engines")},
		{"elsewhere", home, "", filepath.Join(home, "grapevine", "engines")},
		{"as the environment says", inside, "/somewhere/else", "/somewhere/else"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Chdir(c.from)
			t.Setenv(FolderEnv, c.env)
			if got, err := Folder(); err != nil || got != c.want {
				t.Errorf("Folder() = %s, %v, want %s", got, err, c.want)
			}
		})
	}
}
