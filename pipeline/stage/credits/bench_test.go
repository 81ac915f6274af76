package credits

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/grapevinehq/grapevine/internal/golden"
	"github.com/grapevinehq/grapevine/pipeline"
	"github.com/grapevinehq/grapevine/pipeline/event"
	"github.com/grapevinehq/grapevine/pipeline/program"
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

// BenchmarkBudgets works the same under a limit, a hold and a budget.
func BenchmarkBudgets(b *testing.B) {
	const size = 1000
	rule := share()
	rule.Hold, rule.Limit = time.Hour, &program.Limit{Period: program.Month, Count: 1_000_000}
	w := newWorld(b, budgeted(1<<50, rule))
	batches := make([][]event.Record, b.N)
	for n := range batches {
		for i := range size {
			batches[n] = append(batches[n], recordOf(b, int64(n*size+i), worth(fmt.Sprintf("co-%d-%d", n, i), fmt.Sprint("m", i%250), 9900)))
		}
	}
	w.bounds.Time = golden.WrittenAt
	ctx := context.Background()
	b.ResetTimer()
	for n := range b.N {
		w.bounds.Number++
		w.draws = 1 << 30
		batch := w.decode(batches[n])
		succeed(b, batch.LookUp(ctx, pipeline.Progress{}))
		facts, err := batch.Facts()
		succeed(b, err)
		_, err = w.memory.Begin(ctx, w.bounds, facts)
		succeed(b, err)
		succeed(b, batch.TakeFacts(facts))
		succeed(b, batch.Claim(ctx))
		succeed(b, batch.Decide())
		record, err := batch.Record()
		succeed(b, err)
		succeed(b, batch.TakeRecord(record))
		out, err := batch.Outcome(ctx)
		succeed(b, err)
		_, err = w.memory.Fill(ctx, w.bounds, facts, record, out.Writes)
		succeed(b, err)
		b.ReportMetric(float64(1<<30-w.draws), "rounds")
	}
	b.ReportMetric(float64(b.N*size)/b.Elapsed().Seconds(), "credits/s")
}
