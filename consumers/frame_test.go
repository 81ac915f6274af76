package consumers

import (
	"bytes"
	"testing"
)

func FuzzReadFetch(f *testing.F) {
	f.Add([]byte{})
	f.Add(bytes.Repeat([]byte{0, 0, 0, 1}, 30))
	f.Fuzz(func(t *testing.T, body []byte) {
		r, err := readFetch(&answer{rest: body})
		if err == nil && len(r.batches) > len(body) {
			t.Errorf("%d bytes of batches out of %d", len(r.batches), len(body))
		}
	})
}

func FuzzReadTopics(f *testing.F) {
	f.Add([]byte{})
	f.Add(bytes.Repeat([]byte{0, 0, 0, 2, 2}, 30))
	f.Fuzz(func(t *testing.T, body []byte) {
		r, err := readTopics(&answer{rest: body})
		if err == nil && len(r.topics) > len(body) {
			t.Errorf("%d topics out of %d bytes", len(r.topics), len(body))
		}
	})
}

func TestReceive_refuses_what_is_not_the_answer(t *testing.T) {
	id := frame{}.int32(correlation)
	for name, sent := range map[string]frame{
		"too long":      frame{}.int32(101).int32(correlation),
		"too short":     frame{}.int32(3),
		"negative":      frame{}.int32(-1),
		"cut off":       append(frame{}.int32(50), id...),
		"another's":     frame{}.int32(4).int32(correlation + 1),
		"not even size": {0, 0},
	} {
		if _, err := receive(bytes.NewReader(sent), 100); err == nil {
			t.Errorf("%s: taken", name)
		}
	}
	if a, err := receive(bytes.NewReader(append(frame{}.int32(6), append(id, 7, 8)...)), 100); err != nil || !bytes.Equal(a.rest, []byte{7, 8}) {
		t.Errorf("%+v, %v", a, err)
	}
}
