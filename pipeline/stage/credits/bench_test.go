package credits

import (
	"context"
	"fmt"
	"testing"

	"github.com/grapevinehq/grapevine/internal/golden"
	"github.com/grapevinehq/grapevine/pipeline"
	"github.com/grapevinehq/grapevine/pipeline/event"
)

// BenchmarkBatch works batches of 1,000 credits of 250 members, each with a
// commission that pays and a tiers rule that counts, through the stage without
// engines.
func BenchmarkBatch(b *testing.B) {
	const size = 1000
	catalog := goldenCatalog(b)
	w := newWorld(b, catalog)
	batches := make([][]event.Record, b.N)
	for n := range batches {
		for i := range size {
			c := credit(fmt.Sprintf("co-%d-%d", n, i), fmt.Sprint("m", i%250), "commission", "milestones")
			c.OrgID, c.ProgramID, c.Currency = "acme", "eu-store", "EUR"
			c.ConversionTime, c.AmountMinor, c.NetMinor = golden.WrittenAt-200*24*3600*1000, 9900, 9900
			batches[n] = append(batches[n], recordOf(b, int64(n*size+i), c))
		}
	}
	ctx := context.Background()
	b.ResetTimer()
	for n := range b.N {
		w.bounds.Number++
		batch := w.decode(batches[n])
		succeed(b, batch.LookUp(ctx, pipeline.Progress{}))
		succeed(b, batch.Decide())
		record, err := batch.Record()
		succeed(b, err)
		succeed(b, batch.TakeRecord(record))
		out, err := batch.Outcome(ctx)
		succeed(b, err)
		kept := 0
		_, err = w.memory.Fill(ctx, w.bounds, nil, record, out.Writes)
		succeed(b, err)
		for _, s := range out.Writes.Set {
			kept += len(s.Key) + len(s.Value)
		}
		if len(out.Messages) < size {
			b.Fatalf("%d messages", len(out.Messages))
		}
		b.ReportMetric(float64(kept)/size, "kept-B/credit")
		b.ReportMetric(float64(len(record))/size, "journal-B/credit")
	}
	b.ReportMetric(float64(b.N*size)/b.Elapsed().Seconds(), "credits/s")
}
