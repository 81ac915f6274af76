// Command bench measures the click job on this machine, beside its floors, in
// one run: Kafka, Redis and ClickHouse all here, each figure the median of the
// rounds. `make bench` builds and runs it.
//
// The whole job is the real binary in a process of its own; a floor is the same
// batch loop with engines left out. Machines differ by a third from run to run,
// so the ratio of a job to the floors of the same run counts most.
package main

import (
	"cmp"
	"context"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"runtime/pprof"
	"slices"
	"time"

	"github.com/grapevinehq/grapevine/internal/engine"
)

type options struct {
	binary      string
	clicks      int
	conversions int
	remembered  int
	rounds      int
	batch       int
	dir         string
	kfake       bool
	only        string
	profile     string
	profileJob  string
}

func main() {
	engine.MaybeRunChild()
	var o options
	flag.StringVar(&o.binary, "binary", "bin/grapevine", "the grapevine binary to measure")
	flag.IntVar(&o.clicks, "clicks", 1_000_000, "clicks of a round, a tenth of them duplicates")
	flag.IntVar(&o.conversions, "conversions", 100_000, "conversions of a round; 0 leaves them out")
	flag.IntVar(&o.remembered, "remembered", 0, "measure the click job also with so many clicks remembered, once")
	flag.IntVar(&o.rounds, "rounds", 3, "rounds; figures are medians")
	flag.IntVar(&o.batch, "batch", 0, "batch.max_events (0: the default)")
	flag.StringVar(&o.dir, "dir", "", "folder for the engines' data (default: a temporary one)")
	flag.BoolVar(&o.kfake, "kafka-in-process", false, "measure on the embedded Kafka instead of Apache Kafka")
	flag.StringVar(&o.only, "only", "", "measure only this figure, by its name")
	flag.StringVar(&o.profile, "cpuprofile", "", "profile the whole loop within this process into this file, and measure nothing else")
	flag.StringVar(&o.profileJob, "jobprofile", "", "profile the measured binary into this file")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	if err := run(ctx, o); err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, o options) error {
	if o.dir == "" {
		dir, err := os.MkdirTemp("", "grapevine-bench-")
		if err != nil {
			return err
		}
		defer os.RemoveAll(dir)
		o.dir = dir
	}
	ground, err := start(ctx, o)
	if err != nil {
		return err
	}
	defer ground.stop()
	if o.profile != "" {
		return profile(ctx, ground, o.profile)
	}
	printMachine(os.Stdout)
	figures := make(map[string][]figure)
	for round := range o.rounds {
		for _, m := range measures(o) {
			if o.only != "" && m.name != o.only {
				continue
			}
			ground.booksBefore = processTime(ground.clickhouse.PID())
			f, err := m.take(ctx, ground)
			if f.books = processTime(ground.clickhouse.PID()) - ground.booksBefore; f.books < 100*time.Millisecond {
				f.books = 0
			}
			if err != nil {
				return fmt.Errorf("%s, round %d: %w", m.name, round+1, err)
			}
			figures[m.name] = append(figures[m.name], f)
			fmt.Fprintf(os.Stderr, "round %d  %-24s %s\n", round+1, m.name, f)
		}
	}
	report(os.Stdout, measures(o), figures)
	return nil
}

// profile runs the whole loop in this process under the profiler.
func profile(ctx context.Context, g *ground, file string) error {
	out, err := os.Create(file)
	if err != nil {
		return err
	}
	defer out.Close()
	if err := pprof.StartCPUProfile(out); err != nil {
		return err
	}
	defer pprof.StopCPUProfile()
	f, err := inProcess(ctx, g)
	fmt.Println("whole loop in process", f)
	return err
}

// figure is what one measurement gave.
type figure struct {
	events  int
	elapsed time.Duration
	cpu     time.Duration // of the measured process alone
	peak    int64         // bytes of memory
	redis   int64         // bytes in Redis for the events
	books   time.Duration // CPU time of ClickHouse meanwhile, merges included
}

func (f figure) rate() float64 { return float64(f.events) / f.elapsed.Seconds() }

func (f figure) String() string {
	text := fmt.Sprintf("%9.0f events/s  %6.2f CPU s/M", f.rate(), f.cpu.Seconds()*1e6/float64(f.events))
	if f.books > 0 {
		text += fmt.Sprintf("  ClickHouse %5.2f CPU s/M", f.books.Seconds()*1e6/float64(f.events))
	}
	if f.peak > 0 {
		text += fmt.Sprintf("  %4d MiB", f.peak>>20)
	}
	if f.redis > 0 {
		text += fmt.Sprintf("  %5.1f B Redis/event", float64(f.redis)/float64(f.events))
	}
	return text
}

// measure is one figure to be taken.
type measure struct {
	name string
	take func(context.Context, *ground) (figure, error)
}

func measures(o options) []measure {
	list := []measure{
		{"fetch alone", fetchAlone},
		{"decode alone", decodeAlone},
		{"claims alone", claimsAlone},
		{"insert alone", insertAlone},
		{"decode and insert", decodeAndInsert},
		{"whole click job", clickJob},
	}
	if o.remembered > 0 {
		list = append(list, measure{"clicks on remembered ones", rememberedJob})
	}
	if o.conversions > 0 {
		list = append(list, measure{"conversions", conversionJob}, measure{"conversions, every rule", ruledJob})
	}
	return list
}

// report prints the medians, and the job's ratio to its floors.
func report(w *os.File, list []measure, figures map[string][]figure) {
	fmt.Fprintf(w, "\n%-24s %s\n", "median", "of the rounds, figure by figure")
	medians := make(map[string]figure)
	for _, m := range list {
		if got := figures[m.name]; len(got) > 0 {
			medians[m.name] = median(got)
			fmt.Fprintf(w, "%-24s %s\n", m.name, medians[m.name])
		}
	}
	job, floor := medians["whole click job"], medians["decode and insert"]
	if job.events > 0 && floor.events > 0 {
		fmt.Fprintf(w, "\nthe whole job runs at %.2f of decode and insert\n", job.rate()/floor.rate())
	}
}

// median takes each figure's median by itself.
func median(got []figure) figure {
	return figure{
		events:  got[0].events,
		elapsed: middle(got, func(f figure) time.Duration { return f.elapsed }),
		cpu:     middle(got, func(f figure) time.Duration { return f.cpu }),
		peak:    middle(got, func(f figure) int64 { return f.peak }),
		redis:   middle(got, func(f figure) int64 { return f.redis }),
		books:   middle(got, func(f figure) time.Duration { return f.books }),
	}
}

func middle[T cmp.Ordered](got []figure, of func(figure) T) T {
	values := make([]T, len(got))
	for i, f := range got {
		values[i] = of(f)
	}
	slices.Sort(values)
	return values[len(values)/2]
}

func (o options) programs() string { return filepath.Join(o.dir, "programs.yaml") }
