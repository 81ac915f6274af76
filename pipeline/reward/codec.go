package reward

import (
	"fmt"

	"github.com/grapevinehq/grapevine/pipeline/codec"
)

// The first byte of every stored value is the version of its encoding. Values of
// formatBefore are read: they only lack what came later.
const (
	format       = 2
	formatBefore = 1
)

func encode(v any) ([]byte, error) { return codec.MarshalVersion(format, v) }

func decode(data []byte, v any) error {
	if len(data) == 0 || data[0] != format && data[0] != formatBefore {
		return fmt.Errorf("encoding %d is not known to this release; run the release that wrote it, or a newer one", first(data))
	}
	return codec.Unmarshal(data[1:], v)
}

func first(data []byte) int {
	if len(data) == 0 {
		return 0
	}
	return int(data[0])
}
