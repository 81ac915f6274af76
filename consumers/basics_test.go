package consumers_test

import (
	"bytes"
	"fmt"
	"testing"
	"time"

	"github.com/grapevinehq/grapevine/consumers"
	"github.com/grapevinehq/grapevine/pipeline"
)

func init() {
	conformance["topics are made once and told apart"] = topicsAreMade
	conformance["what is published is read in order"] = publishedIsRead
	conformance["a commit keeps its metadata"] = commitKeepsMetadata
	conformance["offsets that are not there are lost"] = offsetsLost
}

func topicsAreMade(t *testing.T, b *bed) {
	created, err := b.cluster.CreateTopics(t.Context(), consumers.TopicSettings{Partitions: 3, Replication: 1})
	if err != nil || len(created) != 9 {
		t.Fatalf("made %v, %v; want nine topics", created, err)
	}
	if created, err = b.cluster.CreateTopics(t.Context(), consumers.TopicSettings{Partitions: 5, Replication: 1}); err != nil || len(created) != 0 {
		t.Fatalf("made again: %v, %v", created, err)
	}
	clicks := b.options.Names.Kafka(consumers.Clicks)
	described, err := b.cluster.Describe(t.Context(), clicks, "there-is-none")
	if err != nil {
		t.Fatal(err)
	}
	if len(described) != 1 || described[clicks].Partitions != 3 || len(described[clicks].Incarnation) != 32 {
		t.Errorf("described %+v", described)
	}
}

func publishedIsRead(t *testing.T, b *bed) {
	b.create(1)
	const n = 5000
	var messages []pipeline.Message
	for i := range n {
		messages = append(messages, pipeline.Message{
			Topic: consumers.Clicks, Key: fmt.Appendf(nil, "k%d", i%7), Value: bytes.Repeat([]byte{byte(i)}, i%1000),
			Headers: []pipeline.MessageHeader{{Key: "n", Value: fmt.Append(nil, i)}, {Key: "none"}},
		})
	}
	messages = append(messages, pipeline.Message{Topic: consumers.Clicks}) // neither key nor value
	b.publish(messages...)

	s := b.join(consumers.Clicks).source(consumers.Clicks, 0)
	records := b.read(s, 0, n+1)
	if len(records) != n+1 {
		t.Fatalf("%d records, want %d", len(records), n+1)
	}
	for i, r := range records[:n] {
		m := messages[i]
		if r.Offset != int64(i) || !bytes.Equal(r.Key, m.Key) || !bytes.Equal(r.Value, m.Value) || r.Value == nil {
			t.Fatalf("record %d: %+v", i, r)
		}
		if len(r.Headers) != 2 || r.Headers[0].Key != "n" || string(r.Headers[0].Value) != fmt.Sprint(i) || r.Headers[1].Value != nil {
			t.Fatalf("record %d: headers %+v", i, r.Headers)
		}
		if age := time.Since(time.UnixMilli(r.Time)); age < -time.Minute || age > time.Minute {
			t.Fatalf("record %d: time %d", i, r.Time)
		}
	}
	if last := records[n]; last.Key != nil || last.Value != nil || last.Headers != nil {
		t.Errorf("null record: %+v", last)
	}
	middle := b.read(s, 1234, n+1)
	if len(middle) != n+1-1234 || middle[0].Offset != 1234 {
		t.Errorf("from the middle: %d records, first %d", len(middle), middle[0].Offset)
	}
	began := time.Now()
	chunk, err := s.source.Fetch(s.ctx, n+1, 1<<20, 300*time.Millisecond)
	if err != nil || len(chunk.Records) != 0 || chunk.Next != n+1 || chunk.Stable != n+1 {
		t.Errorf("at the end: %+v, %v", chunk, err)
	}
	if waited := time.Since(began); waited < 250*time.Millisecond {
		t.Errorf("waited %s at the end", waited)
	}
}

func commitKeepsMetadata(t *testing.T, b *bed) {
	b.create(2)
	w := b.join(consumers.Clicks)
	s := w.source(consumers.Clicks, 1)
	if offset, metadata, err := s.source.Committed(s.ctx); err != nil || offset != -1 || metadata != "" {
		t.Fatalf("before any commit: %d, %q, %v", offset, metadata, err)
	}
	const metadata = `{"v":1,"n":12,"end":345,"t":1760000000000,"rev":"ü","bound":true}`
	if err := s.source.Commit(s.ctx, 12, metadata); err != nil {
		t.Fatal(err)
	}
	if offset, got, err := s.source.Committed(s.ctx); err != nil || offset != 12 || got != metadata {
		t.Fatalf("committed: %d, %q, %v", offset, got, err)
	}
	if lease := time.Until(s.source.Lease()); lease < time.Second || lease > 5*time.Second {
		t.Errorf("the lease ends in %s", lease)
	}
}

func offsetsLost(t *testing.T, b *bed) {
	b.create(1)
	s := b.join(consumers.Clicks).source(consumers.Clicks, 0)
	_, err := s.source.Fetch(s.ctx, 7, 1<<20, 0)
	wantError(t, err, pipeline.ErrOffsetsLost)
}
