package cases

import (
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/grapevinehq/grapevine/config"
	"github.com/grapevinehq/grapevine/internal/golden"
	"github.com/grapevinehq/grapevine/pipeline/offline"
	"github.com/grapevinehq/grapevine/pipeline/program"
)

var topics = []string{"referral.members", "referral.clicks", "referral.conversions", "referral.credits", "referral.fulfillments"}

// The one promise: the same events in give the same books out, over any number of
// partitions, cut into any batches, in any order over partitions, with any batch
// carried out again by a worker that has just taken over.
func TestBooks_do_not_depend_on_order(t *testing.T) {
	catalog := catalogOf(t, orderPrograms)
	rapid.Check(t, func(rt *rapid.T) {
		history := drawHistory(rt)
		pauses := rapid.Bool().Draw(rt, "long pauses")
		plain := &retelling{T: rt, history: history, pauses: pauses, run: newRun(catalog, 1, 1, false)}
		plain.tell(func([]int) int { return 0 })
		other := &retelling{T: rt, history: history, pauses: pauses, run: newRun(catalog,
			rapid.IntRange(1, 8).Draw(rt, "partitions"), rapid.SampledFrom([]int{1, 2, 7, 1000}).Draw(rt, "batch"), rapid.Bool().Draw(rt, "replays"))}
		other.homes = map[string]int{}
		other.tell(func(ready []int) int { return rapid.IntRange(-1, len(ready)-1).Draw(rt, "next") })
		plain.compare(other)
	})
}

func catalogOf(t *testing.T, programs string) *program.Catalog {
	t.Helper()
	path := filepath.Join(t.TempDir(), wholeFile)
	if err := os.WriteFile(path, []byte(programs), 0o600); err != nil {
		t.Fatal(err)
	}
	catalog, err := config.LoadPrograms(path)
	if err != nil {
		t.Fatal(err)
	}
	return catalog
}

// told is when histories are told: later than all that happens in them.
var told = time.Date(2026, 4, 1, 0, 0, 0, 0, time.UTC)

func newRun(catalog *program.Catalog, partitions, batch int, replay bool) *shuffled {
	return &shuffled{partitions, offline.NewRun(offline.RunOptions{
		Options:    offline.Options{Catalog: catalog, Replay: replay},
		Partitions: partitions, BatchEvents: batch, Now: told.UnixMilli(),
	})}
}

type shuffled struct {
	partitions int
	*offline.Run
}

// retelling is a history told in some order.
type retelling struct {
	*rapid.T
	history []happening
	pauses  bool // a hundred days lie between waves, so that all that was known is cold
	run     *shuffled
	homes   map[string]int // partitions of keys; nil for one
}

// tell tells a history: choose says which of the lines that may come does, or -1
// for a batch of anything that waits.
func (r *retelling) tell(choose func(ready []int) int) {
	done := make([]bool, len(r.history))
	write := writer{counts: map[string]int{}, customers: map[string]string{}}
	wave := 0
	for {
		var open []int
		for i := range r.history {
			if !done[i] && (!r.pauses || r.history[i].wave == wave) && ready(r.history, done, i) {
				open = append(open, i)
			}
		}
		if len(open) == 0 {
			if wave++; wave >= waves {
				break
			}
			if r.pauses {
				r.rest(100 * 24 * time.Hour)
			}
			continue
		}
		if n := choose(open); n >= 0 {
			r.write(&write, open[n])
			done[open[n]] = true
		} else {
			r.step()
		}
	}
	r.rest(0)
	r.rest(1000 * 24 * time.Hour)
}

func (r *retelling) write(w *writer, i int) {
	l, err := cut(r.history[i].text, told)
	if err != nil {
		r.Fatal(err)
	}
	topic, rec, err := w.record(l, time.UnixMilli(r.run.Now()))
	if err != nil {
		r.Fatal(err)
	}
	home := 0
	if r.homes != nil {
		place, known := topic+string(rec.Key), false
		if home, known = r.homes[place]; !known {
			home = rapid.IntRange(0, r.run.partitions-1).Draw(r.T, "partition")
			r.homes[place] = home
		}
	}
	r.run.ProduceTo(topic, home, rec)
}

// step works a batch of some partition.
func (r *retelling) step() {
	topic := rapid.SampledFrom(topics).Draw(r.T, "topic")
	partition := rapid.IntRange(0, r.run.partitions-1).Draw(r.T, "partition")
	if _, err := r.run.Step(r.Context(), topic, partition, 0); err != nil {
		r.Fatal(err)
	}
}

func (r *retelling) rest(d time.Duration) {
	if err := r.run.Tick(r.Context(), r.run.Now()); err != nil { // all that is there, before the clock goes on
		r.Fatal(err)
	}
	if err := r.run.Tick(r.Context(), r.run.Now()+d.Milliseconds()); err != nil {
		r.Fatal(err)
	}
}

// compare compares the tables but for positions and the clock, dead letters, and
// what is left of rewards.
func (r *retelling) compare(other *retelling) {
	var differ bool
	for _, table := range []string{"members", "clicks", "conversions", "attributions", "adjustments", "identity_links", "credits", "waiting"} {
		differ = r.same(table, rowsOf(r.run, table), rowsOf(other.run, table)) || differ
	}
	differ = r.same("dead letters", lettersOf(r.run), lettersOf(other.run)) || differ
	differ = r.same("net rewards", netOf(r.T, r.run), netOf(r.T, other.run)) || differ
	if differ {
		for _, l := range r.history {
			r.Log(l.text)
		}
		r.FailNow()
	}
}

func (r *retelling) same(what string, want, got []golden.Row) bool {
	told := golden.Differences(want, got, []string{"key"})
	for _, d := range told {
		r.Log(what+":", d)
	}
	return told != nil
}

// positions are columns that say in which batch a row was made, or when.
var positions = []string{"batch", "ingested", "decided_at"}

// rowsOf are the rows of a table as texts.
func rowsOf(run *shuffled, table string) (all []golden.Row) {
	for _, row := range run.Rows(table) {
		for column := range row {
			if strings.HasPrefix(column, "kafka_") || strings.HasSuffix(column, "_seen") || slices.Contains(positions, column) {
				delete(row, column)
			}
		}
		if row["kind"] == "decided" {
			continue // whether a decision comes before its reward, no order of keys says
		}
		all = append(all, golden.Row{"key": fmt.Sprint(row)})
	}
	return all
}

func lettersOf(run *shuffled) (all []golden.Row) {
	for _, l := range run.Letters() {
		all = append(all, golden.Row{"key": l.EventID + " " + l.Reason})
	}
	return all
}

// netOf are the net values of rewards: by id, but of tiers over the occurrences,
// and of brackets over the conversions of a period (contract, the one promise).
func netOf(t *rapid.T, run *shuffled) []golden.Row {
	return summed(t, run, func(s *standing) int64 { return s.event.left() })
}

// grossOf are the same with what is held.
func grossOf(t *rapid.T, run *shuffled) []golden.Row {
	return summed(t, run, func(s *standing) int64 { return s.event.left() + s.withheld })
}

func summed(t *rapid.T, run *shuffled, of func(*standing) int64) (all []golden.Row) {
	told := teller{came: map[string][]string{}, seen: map[string]int{}, standing: map[string]*standing{}}
	if err := told.tellRewards(run.Run); err != nil {
		t.Fatal(err)
	}
	nets := map[string]int64{}
	for name, s := range told.standing {
		d := &s.event.Data
		switch {
		case d.Tier != "":
			name = name[:strings.LastIndex(name, "/")]
		case d.Rule == "acc":
			name = d.Rule + " " + d.Period + " " + d.Beneficiary
		}
		nets[name+" "+s.event.unit()] += of(s)
	}
	for _, name := range slices.Sorted(maps.Keys(nets)) {
		if nets[name] != 0 {
			all = append(all, golden.Row{"key": name, "net": nets[name]})
		}
	}
	return all
}
