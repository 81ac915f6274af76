package analytics

import (
	"fmt"
	"testing"
	"time"

	"github.com/grapevinehq/grapevine/config"
	"github.com/grapevinehq/grapevine/internal/engine"
	"github.com/grapevinehq/grapevine/internal/enginetest"
	"github.com/grapevinehq/grapevine/pipeline"
	"github.com/grapevinehq/grapevine/pipeline/event"
	"github.com/grapevinehq/grapevine/pipeline/offline"
)

// tablesOfConversions are those that the two stages of a conversion write.
var tablesOfConversions = []string{"conversions", "attributions", "credits", "rewards", "segment_events"}

// BenchmarkConversions takes conversions with three clicks each through both stages
// in one process, with every rule of the example on, and then writes what they wrote
// to ClickHouse, one table after the other: CPU in microseconds a conversion.
func BenchmarkConversions(b *testing.B) {
	const conversions = 40_000
	for b.Loop() {
		r, took := workedConversions(b, conversions)
		report := func(what string, cpu time.Duration) {
			b.ReportMetric(float64(cpu.Microseconds())/conversions, what+"-µs")
		}
		report("stages", took)
		server := enginetest.ClickHouseAlone(b, engine.ClickHouseOptions{})
		books := openedAt(b, Options{Addr: []string{server.Addr}, Database: "bench"})
		for _, table := range tablesOfConversions {
			there, here := cpuOf(b, server.PID()), cpuOfMe(b)
			for _, w := range r.Blocks(table) {
				bounds := w.Bounds
				bounds.Time = time.Now().UnixMilli()
				if err := books.Write(b.Context(), bounds, inAnHour, []pipeline.Block{w.Block}); err != nil {
					b.Fatal(err)
				}
			}
			report("to-"+table, cpuOfMe(b)-here)
			report("of-"+table, cpuOf(b, server.PID())-there)
			settled(b, server.PID())
			report("with-merges-of-"+table, cpuOf(b, server.PID())-there)
		}
	}
	b.ReportMetric(0, "ns/op")
}

func inAnHour() time.Time { return time.Now().Add(time.Hour) }

// settled waits until a server has merged what it was given.
func settled(b *testing.B, pid int) {
	for range 60 {
		before := cpuOf(b, pid)
		time.Sleep(time.Second)
		if cpuOf(b, pid)-before < 100*time.Millisecond {
			return
		}
	}
}

// workedConversions works clicks, and then conversions, and tells the CPU time of these.
func workedConversions(b *testing.B, conversions int) (*offline.Run, time.Duration) {
	b.Helper()
	catalog, err := config.LoadPrograms("../examples/programs.yaml")
	if err != nil {
		b.Fatal(err)
	}
	now := time.Date(2026, 11, 20, 12, 0, 0, 0, time.UTC).UnixMilli()
	r := offline.NewRun(offline.RunOptions{Options: offline.Options{Catalog: catalog}, Partitions: 8, BatchEvents: 2500, Now: now})
	record := func(of event.Type, i, n int, key, data string) event.Record {
		program := []string{"us-store", "eu-store", "partners"}[i%3]
		at := event.FormatTime(now - int64(100-n)*60_000)
		return event.Record{Time: now, Key: []byte(key), Value: fmt.Appendf(nil,
			`{"specversion":"1.0","id":"8c3f61-%s-%d-%d","source":"simulate","type":"%s","time":"%s","orgid":"acme","programid":"%s","data":{%s}}`, of[9:11], i, n, of, at, program, data)}
	}
	for i := range conversions {
		for n := range 3 {
			r.Produce("referral.clicks", record(event.TypeClick, i, n, fmt.Sprintf("v-%08d", i), fmt.Sprintf(
				`"referrer_id":"member-%05d","visitor_id":"v-%08d","link_id":"podcast-%d"`, (i*7+n*31)%2000, i, n)))
		}
		r.Produce("referral.conversions", record(event.TypeConversion, i, 50, fmt.Sprintf("c-%08d", i), fmt.Sprintf(
			`"kind":"sale","customer_id":"c-%08d","visitor_id":"v-%08d","order_id":"order-8c3f61-o%d","amount_minor":%d,"currency":"%s"`, i, i, i, 1000+i%9000, []string{"USD", "EUR", "EUR"}[i%3])))
	}
	for p := range 8 {
		for n := 1; n > 0; {
			if n, err = r.Step(b.Context(), "referral.clicks", p, 20_000); err != nil {
				b.Fatal(err)
			}
		}
	}
	began := cpuOfMe(b)
	if err := r.Drain(b.Context()); err != nil {
		b.Fatal(err)
	}
	return r, cpuOfMe(b) - began
}
