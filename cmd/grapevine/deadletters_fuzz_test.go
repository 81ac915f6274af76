package main

import (
	"strings"
	"testing"

	"github.com/segmentio/kafka-go"
)

// Whatever lies in the topic of dead letters: it is read or passed over, what is shown of
// it is not much more than it is, and what would be sent again is what came.
func FuzzReadLetter(f *testing.F) {
	whole := "gv_reason\ninvalid\ngv_detail\nid is missing; type is unknown\ngv_topic\nreferral.clicks\ngv_partition\n1\ngv_offset\n2\ngv_time\n2026-11-01T00:00:00Z"
	f.Add([]byte("k"), []byte(`{"orgid":"o","programid":7,"id":"i"}`), "ce_id\nx\n"+whole)
	f.Add([]byte(nil), []byte(strings.Repeat("[", 5000)+strings.Repeat("1,", 5000)+"1"+strings.Repeat("]", 5000)), whole)
	f.Add([]byte("\x1b[2J"), []byte("\xff\x00"), "gv_origin_topic\nt\ngv_origin_partition\n-1\n"+whole)
	f.Add([]byte(nil), []byte(nil), "gv_topic\na/b\ngv_partition\n99999999999999999999\ngv_offset\n-5")
	f.Fuzz(func(t *testing.T, key, value []byte, headers string) {
		r := topicRecord{Key: key, Value: value, Headers: headersOf(headers)}
		_ = selfOf(&r)
		l, ok := readLetter(r)
		if !ok {
			return
		}
		var shown counting
		showDeadLetter(&shown, &l)
		if size := len(key) + len(value) + len(headers); int(shown) > 1000+200*size {
			t.Errorf("%d bytes are shown of a letter of %d", shown, size)
		}
		if n := len(l.originalHeaders()); n > len(r.Headers) {
			t.Errorf("%d headers of %d would be sent again", n, len(r.Headers))
		}
		if again, err := parsePlace(l.stood.String()); err == nil && again != l.stood {
			t.Errorf("%s reads as %s", l.stood, again)
		}
	})
}

// headersOf reads names and values, a line each.
func headersOf(text string) (headers []kafka.Header) {
	lines := strings.Split(text, "\n")
	for i := 0; i+1 < len(lines); i += 2 {
		headers = append(headers, kafka.Header{Key: lines[i], Value: []byte(lines[i+1])})
	}
	return headers
}

// counting counts what is written.
type counting int

func (c *counting) Write(p []byte) (int, error) {
	*c += counting(len(p))
	return len(p), nil
}
