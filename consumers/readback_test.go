package consumers_test

import (
	"context"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"
)

// readAll reads a topic from its beginning with another client, until it has
// what lay there.
func (b *bed) readAll(topic string) (records []*kgo.Record) {
	b.t.Helper()
	ctx, cancel := context.WithTimeout(b.t.Context(), 20*time.Second)
	defer cancel()
	client, err := kgo.NewClient(kgo.SeedBrokers(b.addr), kgo.ConsumeTopics(b.options.Names.Kafka(topic)), kgo.FetchMaxWait(100*time.Millisecond))
	if err != nil {
		b.t.Fatal(err)
	}
	defer client.Close()
	for want := b.lies(topic); len(records) < want; {
		fetched := client.PollFetches(ctx)
		if err := fetched.Err0(); err != nil {
			b.t.Fatal(err)
		}
		records = append(records, fetched.Records()...)
	}
	return records
}

// lies counts the offsets of a topic.
func (b *bed) lies(topic string) (n int) {
	b.t.Helper()
	lags, err := b.cluster.Lags(b.t.Context(), topic)
	if err != nil {
		b.t.Fatal(err)
	}
	for _, lag := range lags {
		n += int(lag.End - lag.Start)
	}
	return n
}
