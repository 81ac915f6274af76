package consumers_test

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/grapevinehq/grapevine/consumers"
	"github.com/grapevinehq/grapevine/pipeline/event"
)

func init() {
	conformance["aborted transactions are not read"] = abortedNotRead
	conformance["open transactions are not read yet"] = openNotRead
	conformance["interleaved transactions are told apart"] = interleavedToldApart
	conformance["compressed batches are read"] = compressedRead
	conformance["a deleted beginning is lost, its end is the start"] = deletedBeginning
}

// producer is another program's, with transactions where id is set.
func (b *bed) producer(id string, options ...kgo.Opt) *kgo.Client {
	b.t.Helper()
	options = append(options, kgo.SeedBrokers(b.addr), kgo.RecordPartitioner(kgo.ManualPartitioner()), kgo.ProducerLinger(0))
	if id != "" {
		options = append(options, kgo.TransactionalID(b.options.Names.Prefix+id))
	}
	client, err := kgo.NewClient(options...)
	if err != nil {
		b.t.Fatal(err)
	}
	b.t.Cleanup(client.Close)
	return client
}

func (b *bed) write(client *kgo.Client, topic string, values ...string) {
	b.t.Helper()
	for _, value := range values {
		r := &kgo.Record{Topic: b.options.Names.Kafka(topic), Value: []byte(value)}
		if err := client.ProduceSync(b.t.Context(), r).FirstErr(); err != nil {
			b.t.Fatal(err)
		}
	}
}

func (b *bed) begin(client *kgo.Client) {
	b.t.Helper()
	if err := client.BeginTransaction(); err != nil {
		b.t.Fatal(err)
	}
}

func (b *bed) end(client *kgo.Client, how kgo.TransactionEndTry) {
	b.t.Helper()
	if err := client.EndTransaction(b.t.Context(), how); err != nil {
		b.t.Fatal(err)
	}
}

func values(records []event.Record) string {
	var all []string
	for _, r := range records {
		all = append(all, string(r.Value))
	}
	return strings.Join(all, " ")
}

func (b *bed) wantValues(s assigned, from, until int64, want string) {
	b.t.Helper()
	if got := values(b.read(s, from, until)); got != want {
		b.t.Errorf("from %d: read %q, want %q", from, got, want)
	}
}

func abortedNotRead(t *testing.T, b *bed) {
	b.create(1)
	p := b.producer("one")
	b.begin(p)
	b.write(p, consumers.Clicks, "a", "b") // 0 1
	b.end(p, kgo.TryCommit)                // 2
	b.begin(p)
	b.write(p, consumers.Clicks, "x", "y") // 3 4
	b.end(p, kgo.TryAbort)                 // 5
	b.begin(p)
	b.write(p, consumers.Clicks, "c") // 6
	b.end(p, kgo.TryCommit)           // 7
	b.begin(p)
	b.write(p, consumers.Clicks, "z") // 8
	b.end(p, kgo.TryAbort)            // 9, at the end

	s := b.join(consumers.Clicks).source(consumers.Clicks, 0)
	b.wantValues(s, 0, 10, "a b c")
	b.wantValues(s, 4, 10, "c") // from within an aborted transaction
	b.wantValues(s, 5, 10, "c") // from its marker
	b.wantValues(s, 8, 10, "")
	chunk, err := s.source.Fetch(s.ctx, 7, 1<<20, time.Second)
	if err != nil || len(chunk.Records) != 0 || chunk.Next != 10 || chunk.Stable != 10 {
		t.Errorf("only void offsets: %+v, %v; want the next offset 10", chunk, err)
	}
}

func openNotRead(t *testing.T, b *bed) {
	b.create(1)
	plain, open := b.producer(""), b.producer("open")
	b.write(plain, consumers.Clicks, "a") // 0
	b.begin(open)
	b.write(open, consumers.Clicks, "b")  // 1
	b.write(plain, consumers.Clicks, "c") // 2

	s := b.join(consumers.Clicks).source(consumers.Clicks, 0)
	b.wantValues(s, 0, 1, "a")
	chunk, err := s.source.Fetch(s.ctx, 1, 1<<20, 100*time.Millisecond)
	if err != nil || len(chunk.Records) != 0 || chunk.Next != 1 || chunk.Stable != 1 {
		t.Errorf("within an open transaction: %+v, %v", chunk, err)
	}
	b.end(open, kgo.TryCommit) // 3
	b.wantValues(s, 1, 4, "b c")
}

func interleavedToldApart(t *testing.T, b *bed) {
	b.create(1)
	one, two, plain := b.producer("one"), b.producer("two"), b.producer("")
	b.begin(one)
	b.begin(two)
	b.write(one, consumers.Clicks, "x0")
	b.write(two, consumers.Clicks, "b0")
	b.write(plain, consumers.Clicks, "p0")
	b.write(one, consumers.Clicks, "x1")
	b.end(one, kgo.TryAbort)
	b.begin(one)
	b.write(one, consumers.Clicks, "a2")
	b.write(two, consumers.Clicks, "b1")
	b.end(two, kgo.TryCommit)
	b.end(one, kgo.TryCommit)
	b.write(plain, consumers.Clicks, "p1")

	s := b.join(consumers.Clicks).source(consumers.Clicks, 0)
	b.wantValues(s, 0, 10, "b0 p0 a2 b1 p1")
	b.wantValues(s, 3, 10, "a2 b1 p1")
}

func compressedRead(t *testing.T, b *bed) {
	b.create(1)
	codecs := []kgo.CompressionCodec{kgo.GzipCompression(), kgo.SnappyCompression(), kgo.Lz4Compression(), kgo.ZstdCompression(), kgo.NoCompression()}
	var want []string
	for i, codec := range codecs {
		p := b.producer("", kgo.ProducerBatchCompression(codec))
		var records []*kgo.Record
		for j := range 300 {
			value := fmt.Sprintf("%d/%d/%s", i, j, strings.Repeat("v", j))
			want = append(want, value)
			records = append(records, &kgo.Record{Topic: b.options.Names.Kafka(consumers.Clicks), Value: []byte(value), Key: []byte("k"), Headers: []kgo.RecordHeader{{Key: "h", Value: []byte(value)}}})
		}
		if err := p.ProduceSync(t.Context(), records...).FirstErr(); err != nil {
			t.Fatal(err)
		}
	}
	s := b.join(consumers.Clicks).source(consumers.Clicks, 0)
	records := b.read(s, 0, int64(len(want)))
	if got := values(records); got != strings.Join(want, " ") {
		t.Errorf("read %d records, not those that were written", len(records))
	}
	for _, r := range records {
		if string(r.Key) != "k" || len(r.Headers) != 1 || !slices.Equal(r.Headers[0].Value, r.Value) {
			t.Fatalf("record %+v", r)
		}
	}
}

func deletedBeginning(t *testing.T, b *bed) {
	b.create(1)
	p := b.producer("")
	b.write(p, consumers.Clicks, "a", "b", "c", "d")
	b.deleteRecords(p, consumers.Clicks, 2)
	s := b.join(consumers.Clicks).source(consumers.Clicks, 0)
	if start, err := s.source.Start(s.ctx); err != nil || start != 2 {
		t.Fatalf("start %d, %v", start, err)
	}
	b.wantValues(s, 2, 4, "c d")
	if _, err := s.source.Fetch(s.ctx, 1, 1<<20, 0); err == nil {
		t.Error("a deleted offset was read")
	}
}

func (b *bed) deleteRecords(client *kgo.Client, topic string, before int64) {
	b.t.Helper()
	request := kmsg.NewPtrDeleteRecordsRequest()
	request.TimeoutMillis = 5000
	of := kmsg.NewDeleteRecordsRequestTopic()
	of.Topic = b.options.Names.Kafka(topic)
	of.Partitions = []kmsg.DeleteRecordsRequestTopicPartition{{Partition: 0, Offset: before}}
	request.Topics = append(request.Topics, of)
	ctx, cancel := context.WithTimeout(b.t.Context(), 10*time.Second)
	defer cancel()
	answer, err := request.RequestWith(ctx, client)
	if err != nil || answer.Topics[0].Partitions[0].ErrorCode != 0 {
		b.t.Fatalf("delete records: %+v, %v", answer, err)
	}
}
