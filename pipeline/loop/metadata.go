package loop

import (
	"encoding/json"
	"fmt"

	"github.com/grapevinehq/grapevine/pipeline"
)

// Metadata stands in every offset commit. Of a bound it names the batch that
// begins at the committed offset; of an acknowledgement the batch that ended
// there, or before it where nothing but gaps follow.
type Metadata struct {
	Version  int    `json:"v"`
	Number   uint64 `json:"n"`
	End      int64  `json:"end"`
	Time     int64  `json:"t"` // ms, Bounds.Time
	Revision string `json:"rev,omitempty"`
	Bound    bool   `json:"bound"`
}

// metadataVersion is the only one there has been.
const metadataVersion = 1

// Completed is the number of the last batch whose effects are all durable.
func (m Metadata) Completed() uint64 {
	if m.Bound {
		return m.Number - 1
	}
	return m.Number
}

// ParseMetadata reads the metadata of a commit; ok is false for a commit that
// Grapevine did not make.
func ParseMetadata(text string) (m Metadata, ok bool) {
	if json.Unmarshal([]byte(text), &m) != nil || m.Version != metadataVersion || m.Bound && m.Number == 0 {
		return Metadata{}, false
	}
	return m, true
}

func boundMetadata(b pipeline.Bounds) string {
	return encode(Metadata{Version: metadataVersion, Number: b.Number, End: b.End, Time: b.Time, Revision: b.Revision, Bound: true})
}

func acknowledged(number uint64, end, time int64) string {
	return encode(Metadata{Version: metadataVersion, Number: number, End: end, Time: time})
}

func encode(m Metadata) string {
	text, err := json.Marshal(m)
	if err != nil { // a struct of numbers and a hash cannot fail
		panic(fmt.Sprintf("encode commit metadata: %v", err))
	}
	return string(text)
}

// bounds makes the bounds that a bound commit names.
func (m Metadata) bounds(p pipeline.Partition, first int64) pipeline.Bounds {
	return pipeline.Bounds{Partition: p, Number: m.Number, First: first, End: m.End, Time: m.Time, Revision: m.Revision}
}
