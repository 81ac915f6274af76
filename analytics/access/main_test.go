package access_test

import (
	"testing"

	"github.com/grapevinehq/grapevine/internal/enginetest"
)

func TestMain(m *testing.M) { enginetest.Main(m) }
