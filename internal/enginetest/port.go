package enginetest

import (
	"testing"

	"github.com/grapevinehq/grapevine/internal/engine"
)

// FreePort returns a port on loopback for a server that the test starts later,
// or starts again: no connection takes it in between.
func FreePort(t testing.TB) int {
	t.Helper()
	port, err := engine.FreePort()
	if err != nil {
		t.Fatal(err)
	}
	return port
}
