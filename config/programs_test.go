package config

import (
	"testing"

	"github.com/grapevinehq/grapevine/pipeline/program"
)

func load(t testing.TB, path string) *program.Catalog {
	t.Helper()
	c, err := LoadPrograms(path)
	if err != nil {
		t.Fatalf("load %s:\n%v", path, err)
	}
	return c
}

func TestLoadPrograms_loads_the_examples_as_they_are(t *testing.T) {
	for _, path := range []string{"testdata/programs.yaml", "testdata/golden/programs.yaml"} {
		c := load(t, path)
		if len(c.Orgs) != 2 || len(c.Orgs["acme"].Programs) != 3 {
			t.Errorf("%s: orgs %v", path, c.Orgs)
		}
	}
}
