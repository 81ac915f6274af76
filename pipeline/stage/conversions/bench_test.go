package conversions

import (
	"context"
	"fmt"
	"testing"

	"github.com/grapevinehq/grapevine/internal/golden"
	"github.com/grapevinehq/grapevine/pipeline"
	"github.com/grapevinehq/grapevine/pipeline/attribution"
	"github.com/grapevinehq/grapevine/pipeline/event"
)

// indexed answers from maps, as fast as a store could.
type indexed struct {
	*world
	touches map[string][]attribution.Touch
}

func (x *indexed) ByVisitor(_ context.Context, queries []attribution.VisitorQuery) ([][]attribution.Touch, error) {
	found := make([][]attribution.Touch, len(queries))
	for i, q := range queries {
		found[i] = x.touches[q.VisitorID]
	}
	return found, nil
}

func (x *indexed) Members(_ context.Context, _ pipeline.Progress, queries []MemberQuery) ([]Member, error) {
	return make([]Member, len(queries)), nil
}

// BenchmarkStage takes conversions with two touches each from record to
// outcome, without any store; the figure beside time is bytes a conversion of
// facts, record and customer state.
func BenchmarkStage(b *testing.B) {
	const size = 2000
	x := &indexed{newWorld(b, golden.Programs(), 1), map[string][]attribution.Touch{}}
	const at = 1746000000000
	w := x.parts[0].worker.(*worker)
	w.options.Touches, w.options.Directory = x, x
	var facts, journal, state, offset int
	for b.Loop() {
		b.StopTimer()
		records := make([]event.Record, size)
		for i := range records {
			offset++
			v := fmt.Sprintf("visitor-%08d", offset)
			x.touches[v] = []attribution.Touch{{Time: at - 3600_000, ClickID: v + "a", ReferrerID: "member-1"}, {Time: at - 1000, ClickID: v + "b", ReferrerID: "member-2"}}
			records[i] = event.Record{Offset: int64(offset), Time: golden.WrittenAt, Key: fmt.Appendf(nil, "customer-%08d", offset), Value: fmt.Appendf(nil,
				`{"specversion":"1.0","id":"co-%d","source":"shop","type":"referral.conversion.recorded.v1","time":"2025-04-30T08:00:00Z","orgid":"acme","programid":"us-store","data":{"kind":"sale","customer_id":"customer-%08d","visitor_id":"%s","amount_minor":12345,"currency":"USD","order_id":"order-%d"}}`, offset, offset, v, offset)}
		}
		bounds := pipeline.Bounds{Number: uint64(offset), Time: golden.WrittenAt, Revision: x.catalog.Revision, First: records[0].Offset, End: records[size-1].Offset + 1}
		b.StartTimer()
		k, err := w.Decode(bounds, records)
		if err != nil {
			b.Fatal(err)
		}
		if err := k.LookUp(context.Background(), pipeline.Progress{}); err != nil {
			b.Fatal(err)
		}
		begun, err := k.Facts()
		if err != nil {
			b.Fatal(err)
		}
		if err := k.TakeFacts(begun); err != nil {
			b.Fatal(err)
		}
		if err := k.Claim(context.Background()); err != nil {
			b.Fatal(err)
		}
		if err := k.Decide(); err != nil {
			b.Fatal(err)
		}
		record, err := k.Record()
		if err != nil {
			b.Fatal(err)
		}
		if err := k.TakeRecord(record); err != nil {
			b.Fatal(err)
		}
		o, err := k.Outcome(context.Background())
		if err != nil {
			b.Fatal(err)
		}
		facts, journal, state = len(begun), len(record), 0
		for _, s := range o.Writes.Set {
			state += len(s.Key) + len(s.Value)
		}
	}
	b.ReportMetric(float64(b.Elapsed().Microseconds())/float64(b.N*size), "µs/conversion")
	b.ReportMetric(float64(facts)/size, "facts-B/conversion")
	b.ReportMetric(float64(journal)/size, "record-B/conversion")
	b.ReportMetric(float64(state)/size, "state-B/conversion")
}
