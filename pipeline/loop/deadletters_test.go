package loop

import (
	"bytes"
	"strings"
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

// A compressed record may be larger than any topic takes uncompressed. Its dead letter
// fits all the same, and an original that can be one is kept whole.
func TestDeadLetters_fit_into_their_topic(t *testing.T) {
	r := &run{Loop: &Loop{}}
	of := func(o *pipeline.Original) (pipeline.Message, int) {
		all := r.deadLetters(batch{}, []pipeline.DeadLetter{{Reason: "invalid", Detail: "too large", Original: o}})
		m := all.messages[0]
		size := len(m.Key) + len(m.Value)
		for _, h := range m.Headers {
			size += len(h.Key) + len(h.Value)
		}
		return m, size
	}
	flood := make([]pipeline.MessageHeader, 1<<20)
	for i := range flood {
		flood[i].Key = "h"
	}
	for name, o := range map[string]*pipeline.Original{
		"value":   {Key: []byte("k"), Value: make([]byte, 50<<20)},
		"key":     {Key: make([]byte, 50<<20), Value: []byte("v")},
		"headers": {Key: []byte("k"), Headers: append(flood, pipeline.MessageHeader{Key: "h", Value: make([]byte, 50<<20)})},
	} {
		m, size := of(o)
		if size > 4<<20-64<<10 || len(m.Headers) > 1<<16 {
			t.Errorf("%s: %d bytes in %d headers", name, size, len(m.Headers))
		}
		if detail := string(m.Headers[len(m.Headers)-5].Value); !strings.HasPrefix(detail, "too large; the original had 5") || !strings.HasSuffix(detail, " bytes, and is cut") {
			t.Errorf("%s: %q", name, detail)
		}
	}
	whole := &pipeline.Original{Key: []byte("k"), Value: bytes.Repeat([]byte("v"), 2<<20), Headers: []pipeline.MessageHeader{{Key: "a", Value: make([]byte, 1<<19)}}}
	if m, _ := of(whole); !bytes.Equal(m.Value, whole.Value) || len(m.Headers) != 7 || string(m.Headers[2].Value) != "too large" {
		t.Error("an original that fits was cut")
	}
}
