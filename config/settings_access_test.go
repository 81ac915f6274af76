package config

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestLoadSettings_reads_passwords_by_login(t *testing.T) {
	dir := t.TempDir()
	for name, text := range map[string]string{"acme__emma": "emma-s3cret\r\n", ".hidden": "x"} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	for name, c := range map[string]struct{ yaml, environ string }{
		"file":        {"access: {passwords: {acme__ana: ana-s3cret}, passwords_dir: " + dir + "}", ""},
		"environment": {"access: {passwords_dir: " + dir + "}", "acme__ana=ana-s3cret"},
	} {
		s, err := LoadSettings(settingsFile(t, c.yaml), []string{"GRAPEVINE_ACCESS_PASSWORDS=" + c.environ})
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		if p := s.Access.Passwords; len(p) != 2 || p["acme__ana"].Reveal() != "ana-s3cret" || p["acme__emma"].Reveal() != "emma-s3cret" {
			t.Errorf("%s: %d passwords", name, len(p))
		}
	}
}

func TestLoadSettings_refuses_passwords_without_repeating_them(t *testing.T) {
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "acme__ana"), []byte("s3cret"), 0o600); err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct{ yaml, environ, want string }{
		"no pairs":   {"", "s3cret", "environment variable GRAPEVINE_ACCESS_PASSWORDS: access.passwords: must be key=value, separated by commas"},
		"two of one": {"", "acme__ana=s3cret,acme__ana=s3cret2", "must be key=value, separated by commas"},
		"a list":     {"access: {passwords: {acme__ana: [s3cret]}}", "", "access.passwords.acme__ana: must be a text"},
		"twice":      {"access: {passwords: {acme__ana: s3cret}, passwords_dir: " + dir + "}", "", "both have a password of acme__ana"},
		"no folder":  {"access: {passwords_dir: /none}", "", "access.passwords_dir: cannot be read"},
		"no time":    {"access: {max_time: 10ms}", "", "access.max_time: must be at least 1s"},
	} {
		_, err := LoadSettings(settingsFile(t, c.yaml), []string{"GRAPEVINE_ACCESS_PASSWORDS=" + c.environ})
		if err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: got %v, want %s", name, err, c.want)
		} else if strings.Contains(err.Error(), "s3cret") {
			t.Errorf("%s: the password is told: %v", name, err)
		}
	}
}
