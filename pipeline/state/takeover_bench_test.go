package state_test

import (
	"fmt"
	"syscall"
	"testing"
	"time"

	"github.com/grapevinehq/grapevine/pipeline"
	"github.com/grapevinehq/grapevine/pipeline/recall"
)

// BenchmarkTakeover warms what a partition remembers of so many clicks, of which
// the last batch has no page yet; without pages, as it was before there were any,
// every bucket is read.
func BenchmarkTakeover(b *testing.B) {
	for _, clicks := range []int{1_000_000, 10_000_000} {
		for _, pages := range []bool{false, true} {
			b.Run(fmt.Sprintf("clicks=%d/pages=%v", clicks, pages), func(b *testing.B) { takeover(b, clicks, pages) })
		}
	}
}

func takeover(b *testing.B, clicks int, pages bool) {
	store, client := alone(b)
	p := somePartition()
	memory, _ := takeOver(b, store, p, 1)
	options := recall.Options{Retention: func() time.Duration { return time.Hour }, Buckets: 1024}
	remembered, err := recall.Open(b.Context(), memory, options)
	if err != nil {
		b.Fatal(err)
	}
	const n = 20_000
	hasher := recall.NewHasher([16]byte{1})
	var scratch []byte
	for number := range clicks / n {
		entries := make([]recall.Entry, n)
		for i := range entries {
			entries[i].Key, scratch = hasher.Key(scratch, fmt.Sprint(number*n+i))
			entries[i].Event = recall.Event(i)
		}
		writes := remembered.Write(entries, recall.Times{Batch: 1, Kafka: 1})
		if !pages {
			writes.Set = writes.Set[:1] // the directory
		}
		if _, err := memory.Fill(b.Context(), batch(p, uint64(number+1)), nil, nil, writes); err != nil {
			b.Fatal(err)
		}
	}
	before := ownCPU()
	measure(b, client, func(uint64) {
		if _, err := recall.Open(b.Context(), memory, options); err != nil {
			b.Fatal(err)
		}
	})
	b.ReportMetric((ownCPU()-before).Seconds()*1000/float64(b.N), "own-cpu-ms/op")
}

// ownCPU is the processor time of this process.
func ownCPU() time.Duration {
	var usage syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &usage); err != nil {
		return 0
	}
	return time.Duration(usage.Utime.Nano() + usage.Stime.Nano())
}

var _ recall.Reader = pipeline.Memory(nil)
