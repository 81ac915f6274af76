package config

import (
	"os"
	"path/filepath"
	"strings"
	"time"
)

// check reads the folder of passwords. Files that begin with a dot are none: a mounted
// folder of secrets has some of its own.
func (a *Access) check(problems *Problems) {
	c := section{problems, "access", a.At}
	if a.MaxTime < time.Second {
		c.add("max_time", "must be at least 1s, not %s", a.MaxTime)
	}
	if a.PasswordsDir == "" {
		return
	}
	files, err := os.ReadDir(a.PasswordsDir)
	if err != nil {
		c.add("passwords_dir", "cannot be read: %v", err)
		return
	}
	passwords := make(map[string]Secret, len(a.Passwords)+len(files))
	for login, password := range a.Passwords {
		passwords[login] = password
	}
	for _, f := range files {
		login := f.Name()
		if strings.HasPrefix(login, ".") {
			continue
		}
		if _, twice := passwords[login]; twice {
			c.add("passwords_dir", "and `passwords` both have a password of %s", login)
			continue
		}
		var password Secret
		c.secret("passwords_dir", &password, filepath.Join(a.PasswordsDir, login))
		passwords[login] = password
	}
	a.Passwords = passwords
}
