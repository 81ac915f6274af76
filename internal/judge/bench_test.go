package judge

import (
	"context"
	"fmt"
	"iter"
	"testing"
)

// crowd is evidence of very many clicks that are made as they are read, each of
// another visitor, all unique.
type crowd struct{ clicks int }

func (crowd) Topic(name string) string { return name }

func (c crowd) Records(_ context.Context, topic string) iter.Seq2[Record, error] {
	return func(yield func(Record, error) bool) {
		if topic != topicClicks {
			return
		}
		for i := range c.clicks {
			visitor := fmt.Sprint("v", i)
			value := fmt.Appendf(nil, `{"specversion":"1.0","id":"e%d","source":"shop/web","type":"referral.click.recorded.v1","time":"2026-10-12T08:15:30.123Z","orgid":"acme",`+
				`"programid":"us-store","data":{"referrer_id":"m%d","visitor_id":"%s","link_id":"l1","country":"DE","user_agent":"Mozilla/5.0","metadata":{"a":"b"}}}`, i, i%1000, visitor)
			if !yield(Record{Offset: int64(i), Time: 1791792930123, Key: []byte(visitor), Value: value}, nil) {
				return
			}
		}
	}
}

func (c crowd) Rows(_ context.Context, table string, _ ...string) iter.Seq2[Row, error] {
	return func(yield func(Row, error) bool) {
		if table != "clicks" {
			return
		}
		for i := range c.clicks {
			row := Row{
				"org_id": "acme", "program_id": "us-store", "time": int64(1791792930123), "event_id": fmt.Sprint("e", i), "source": "shop/web", "kafka_topic": topicClicks,
				"kafka_partition": int64(0), "kafka_offset": int64(i), "click_id": fmt.Sprint("e", i), "referrer_id": fmt.Sprint("m", i%1000), "visitor_id": fmt.Sprint("v", i),
				"actor_hash": "", "link_id": "l1", "campaign_id": "", "channel": "", "country": "DE", "locale": "", "landing_url": "", "referer_url": "", "verdict": "unique",
				"reason": "", "currency": "USD", "day": "2026-10-12", "metadata": map[string]string{"a": "b"},
			}
			if !yield(row, nil) {
				return
			}
		}
	}
}

// BenchmarkClicks is what one click takes, and what is kept of it.
func BenchmarkClicks(b *testing.B) {
	b.ReportAllocs()
	report, err := Try(b.Context(), &Case{Programs: "../../examples/programs.yaml"}, crowd{b.N})
	if err != nil || report.Rows["clicks"] != b.N {
		b.Fatalf("%d rows: %v", report.Rows["clicks"], err)
	}
	for _, d := range report.Differences {
		if d.Where == "clicks" {
			b.Fatal(d)
		}
	}
}
