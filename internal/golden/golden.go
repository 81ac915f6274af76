// Package golden holds a worked case for tests: programs, the events to write to
// Kafka, and the books that must come out of them. An independent implementation
// of the contract made it; where the two differ, the contract stands.
//
// It covers what its events exercise and no more. Events come in waves: a wave
// is written when everything of the wave before has been acknowledged, so every
// click lies in Kafka before the conversion that needs it. Any number of
// partitions that keeps the order of each key gives the same books, positions
// aside.
package golden

import (
	"bufio"
	"bytes"
	"compress/gzip"
	"embed"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"slices"

	"github.com/grapevinehq/grapevine/pipeline/event"
)

//go:embed testdata
var files embed.FS

// WrittenAt is a Kafka timestamp, in milliseconds, later than every event.
const WrittenAt = 1767225600000 // 2026-01-01T00:00:00Z

// Event is one record to be written.
type Event struct {
	Wave   int
	Topic  string       // the contract's name, without a prefix
	Record event.Record // Offset: its place in a topic of one partition
}

// Programs is the program configuration of the case, as YAML.
func Programs() []byte {
	b, err := files.ReadFile("testdata/programs.yaml")
	if err != nil {
		panic(err) // it is part of the binary
	}
	return b
}

// Events are all records, in the order in which each topic has them.
func Events() ([]Event, error) {
	text, err := unzip("testdata/events.jsonl.gz")
	if err != nil {
		return nil, err
	}
	var events []Event
	lines := bufio.NewScanner(bytes.NewReader(text))
	lines.Buffer(nil, 4<<20)
	for lines.Scan() {
		e, err := parse(lines.Bytes())
		if err != nil {
			return nil, fmt.Errorf("event %d of the worked case: %w", len(events), err)
		}
		events = append(events, e)
	}
	return events, lines.Err()
}

func parse(line []byte) (Event, error) {
	var raw struct {
		Wave    int
		Topic   string
		Offset  int64
		Key     *string
		Headers map[string]string
		Value   string
		Base64  string `json:"value_base64"`
	}
	if err := json.Unmarshal(line, &raw); err != nil {
		return Event{}, err
	}
	value := []byte(raw.Value)
	if raw.Base64 != "" {
		var err error
		if value, err = base64.StdEncoding.DecodeString(raw.Base64); err != nil {
			return Event{}, err
		}
	}
	e := Event{Wave: raw.Wave, Topic: raw.Topic, Record: event.Record{Offset: raw.Offset, Time: WrittenAt, Value: value}}
	if raw.Key != nil {
		e.Record.Key = []byte(*raw.Key)
	}
	for k, v := range raw.Headers {
		e.Record.Headers = append(e.Record.Headers, event.Header{Key: k, Value: []byte(v)})
	}
	slices.SortFunc(e.Record.Headers, func(a, b event.Header) int { return bytes.Compare([]byte(a.Key), []byte(b.Key)) })
	return e, nil
}

// Row is one row of the books: column by name. Numbers are json.Number; null
// where the case says nothing.
type Row map[string]any

// Books are the rows that must come out, by table or view, and beside them the
// positions of dead_letters, redelivered and waiting events. Times are
// milliseconds since the epoch; topic, partition and offset stand for the
// columns kafka_topic, kafka_partition and kafka_offset.
func Books() (map[string][]Row, error) {
	text, err := unzip("testdata/books.json.gz")
	if err != nil {
		return nil, err
	}
	books := make(map[string][]Row)
	d := json.NewDecoder(bytes.NewReader(text))
	d.UseNumber()
	if err := d.Decode(&books); err != nil {
		return nil, fmt.Errorf("books of the worked case: %w", err)
	}
	return books, nil
}

func unzip(name string) ([]byte, error) {
	f, err := files.Open(name)
	if err != nil {
		return nil, err
	}
	defer f.Close() //nolint:errcheck // read only
	z, err := gzip.NewReader(f)
	if err != nil {
		return nil, fmt.Errorf("unpack %s: %w", name, err)
	}
	return io.ReadAll(z)
}
