package recall

import (
	"context"
	"testing"
	"time"

	"github.com/grapevinehq/grapevine/pipeline"
)

// answers is a memory of three values: the directory, and what every page and every
// bucket holds.
type answers struct{ directory, page, bucket []byte }

func (a answers) Get(_ context.Context, keys []string) ([][]byte, error) {
	values := make([][]byte, len(keys))
	for i, key := range keys {
		switch {
		case key == DirectoryKey:
			values[i] = a.directory
		case isPage(key):
			values[i] = a.page
		default:
			values[i] = a.bucket
		}
	}
	return values, nil
}

func isPage(key string) bool {
	for i := range key {
		if key[i] == ':' {
			return true
		}
	}
	return false
}

func (a answers) Tails(_ context.Context, asks []pipeline.TailAsk) ([][]byte, error) {
	values := make([][]byte, len(asks))
	for i, ask := range asks {
		values[i] = a.bucket[min(ask.From, len(a.bucket)):] // an offset below 0 would be told from the end
	}
	return values, nil
}

func (a answers) Lengths(_ context.Context, keys []string) ([]int64, error) {
	lengths := make([]int64, len(keys))
	for i := range lengths {
		lengths[i] = int64(len(a.bucket))
	}
	return lengths, nil
}

// Whatever stands in Redis: to open the memory, to count it and to make it anew is an
// error or works, and what opens can be asked and written to.
func FuzzOpen(f *testing.F) {
	options := Options{Retention: func() time.Duration { return 7 * 24 * time.Hour }, Buckets: 2}
	m := &Memory{reader: answers{}, options: options}
	w := m.Write([]Entry{{Key: Key{1, 2}, Event: 3, Counted: true, Time: 4}}, Times{5, 5})
	s := m.segments[0]
	f.Add(encodeDirectory(m.segments), s.encodePage(0, true), w.Append[0].Value)
	f.Add(encodeDirectory(append(m.segments, newSegment(2, Times{7, 6}, 8))), s.encodePage(0, false), []byte(nil))
	f.Add([]byte{directoryVersion + 1}, []byte{pageVersion + 1}, []byte{1})
	f.Fuzz(func(t *testing.T, directory, page, bucket []byte) {
		a := answers{directory, page, bucket}
		outlines, err := readDirectory(directory)
		buckets := 0
		for _, o := range outlines {
			buckets += o.buckets
		}
		if err != nil || buckets > 1<<12 {
			return // filters are made as large as segments are
		}
		stock, ok, err := Count(t.Context(), a)
		if err != nil || ok != (len(outlines) > 0) || stock.Entries != int64(buckets)*int64(len(bucket)/entrySize) {
			t.Fatalf("%+v are counted in %d buckets (%v)", stock, buckets, err)
		}
		if _, err := Retrace(directory); err != nil {
			t.Fatal(err)
		}
		m, err := Open(t.Context(), a, options)
		if err != nil {
			return
		}
		if n := m.Len(); n < 0 {
			t.Fatalf("%d entries are remembered", n)
		}
		if _, err := m.LookUp(t.Context(), []Key{{1, 2}, {3, 4}}); err == nil {
			m.Write([]Entry{{Key: Key{1, 2}, Event: 9}}, Times{8, 8})
		}
	})
}
