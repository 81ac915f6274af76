package deploy_test

import (
	"os"
	"os/exec"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// The image has no dynamic loader. What would need one is the library that loads
// the embedded ClickHouse; the build tag of the Dockerfile leaves it out.
func TestImage_holds_a_static_binary(t *testing.T) {
	dockerfile, err := os.ReadFile("Dockerfile")
	if err != nil {
		t.Fatal(err)
	}
	build := regexp.MustCompile(`CGO_ENABLED=0 go build .*-tags (\S+) .*(\./cmd/\S+)`).FindSubmatch(dockerfile)
	if build == nil {
		t.Fatal("the Dockerfile builds nothing without cgo and with a build tag")
	}
	const loader = "github.com/ebitengine/purego"
	if got := dependencies(t, string(build[2]), string(build[1])); slices.Contains(got, loader) {
		t.Errorf("with -tags %s the binary still depends on %s", build[1], loader)
	}
	if got := dependencies(t, string(build[2]), ""); !slices.Contains(got, loader) {
		t.Errorf("without the tag the binary does not depend on %s: this test looks for the wrong thing", loader)
	}
}

func dependencies(t *testing.T, command, tags string) []string {
	t.Helper()
	list := exec.CommandContext(t.Context(), "go", "list", "-deps", "-tags", tags, command)
	list.Dir = ".."
	list.Env = append(os.Environ(), "CGO_ENABLED=0")
	output, err := list.Output()
	if err != nil {
		t.Fatalf("%v: %v", list, err)
	}
	return strings.Fields(string(output))
}
