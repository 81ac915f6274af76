package consumers_test

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/grapevinehq/grapevine/consumers"
	"github.com/grapevinehq/grapevine/internal/enginetest"
	"github.com/grapevinehq/grapevine/pipeline/event"
)

// Compaction takes records out of the middle of a log and leaves empty batches
// behind: every offset is passed, and the last value of every key is read.
func TestCompacted_topic_on_Apache_Kafka_is_read_to_its_end(t *testing.T) {
	b := newBed(t, enginetest.ApacheKafka(t).Addr)
	p := b.producer("", kgo.ProducerBatchMaxBytes(64<<10), kgo.ProducerBatchCompression(kgo.NoCompression()))
	b.compactOften(p)
	b.create(1)
	b.alter(p, kmsg.ConfigResourceTypeTopic, b.options.Names.Kafka(consumers.Members), map[string]string{
		"segment.bytes": "1048576", "min.cleanable.dirty.ratio": "0.001", "delete.retention.ms": "0", "min.compaction.lag.ms": "0",
	})
	const records, keys = 6000, 5
	var all []*kgo.Record
	for i := range records {
		all = append(all, &kgo.Record{
			Topic: b.options.Names.Kafka(consumers.Members), Key: fmt.Append(nil, i%keys), Value: fmt.Appendf(nil, "%d %s", i, strings.Repeat("v", 1000)),
		})
	}
	if err := p.ProduceSync(t.Context(), all...).FirstErr(); err != nil {
		t.Fatal(err)
	}

	s := b.join(consumers.Members).source(consumers.Members, 0)
	for deadline := time.Now().Add(90 * time.Second); ; {
		read := b.read(s, 0, records)
		wantLatest(t, read, records, keys)
		if len(read) < records/2 {
			break
		}
		if time.Now().After(deadline) {
			t.Fatalf("still %d of %d records: Kafka does not compact", len(read), records)
		}
		time.Sleep(200 * time.Millisecond)
	}
	for from := int64(0); from < records; from += 97 { // from within gaps too
		wantLatest(t, b.read(s, from, records), records, keys)
	}
}

func wantLatest(t *testing.T, read []event.Record, records, keys int) {
	t.Helper()
	last := int64(-1)
	latest := make(map[string]int64)
	for _, r := range read {
		if r.Offset <= last {
			t.Fatalf("offset %d follows %d", r.Offset, last)
		}
		last = r.Offset
		latest[string(r.Key)] = r.Offset
	}
	for i := records - keys; i < records; i++ {
		if latest[fmt.Sprint(i%keys)] != int64(i) {
			t.Fatalf("the last offset of key %d is %d, want %d", i%keys, latest[fmt.Sprint(i%keys)], i)
		}
	}
}

// compactOften makes the broker look for something to compact all the time.
func (b *bed) compactOften(client *kgo.Client) {
	b.t.Helper()
	b.alter(client, kmsg.ConfigResourceTypeBroker, "", map[string]string{"log.cleaner.backoff.ms": "100"})
}

func (b *bed) alter(client *kgo.Client, kind kmsg.ConfigResourceType, name string, settings map[string]string) {
	b.t.Helper()
	request := kmsg.NewPtrIncrementalAlterConfigsRequest()
	of := kmsg.NewIncrementalAlterConfigsRequestResource()
	of.ResourceType, of.ResourceName = kind, name
	for key, value := range settings {
		of.Configs = append(of.Configs, kmsg.IncrementalAlterConfigsRequestResourceConfig{Name: key, Value: kmsg.StringPtr(value)})
	}
	request.Resources = append(request.Resources, of)
	ctx, cancel := context.WithTimeout(b.t.Context(), 10*time.Second)
	defer cancel()
	answer, err := request.RequestWith(ctx, client)
	if err != nil {
		b.t.Fatal(err)
	}
	for _, r := range answer.Resources {
		if r.ErrorCode != 0 {
			b.t.Fatalf("set %v: %d %s", settings, r.ErrorCode, *r.ErrorMessage)
		}
	}
}
