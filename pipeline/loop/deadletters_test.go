package loop

import (
	"testing"

	"github.com/grapevinehq/grapevine/pipeline"
)

func TestLetterTable_blots_out_what_is_private(t *testing.T) {
	var table letterTable
	o := &pipeline.Original{Key: []byte("192.0.2.7|Mozilla/5.0")}
	table.add(o, pipeline.DeadLetter{Private: []string{"192.0.2.7", "", "Mozilla/5.0"}}, 0)
	table.add(o, pipeline.DeadLetter{}, 0)
	if table.key[0] != "*|*" || table.key[1] != "192.0.2.7|Mozilla/5.0" {
		t.Errorf("keys %q", table.key)
	}
}
