package offline_test

import (
	"encoding/json"
	"fmt"
	"hash/fnv"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/grapevinehq/grapevine/config"
	"github.com/grapevinehq/grapevine/internal/golden"
	"github.com/grapevinehq/grapevine/pipeline/offline"
	"github.com/grapevinehq/grapevine/pipeline/program"
)

func TestRun_comes_to_the_books_of_the_worked_case(t *testing.T) {
	for _, of := range []struct {
		partitions, batch int
		replay            bool
	}{{1, 1000, false}, {8, 1000, false}, {8, 1, false}, {3, 7, true}} {
		t.Run(fmt.Sprintf("%d partitions, batches of %d, replays %v", of.partitions, of.batch, of.replay), func(t *testing.T) {
			t.Parallel()
			g := goldenRun{
				T: t, partitions: of.partitions,
				Run: offline.NewRun(offline.RunOptions{
					Options:    offline.Options{Catalog: load(t, golden.Programs()), Replay: of.replay},
					Partitions: of.partitions, BatchEvents: of.batch, Now: golden.WrittenAt,
				}),
			}
			g.play()
			g.compare()
		})
	}
}

func load(t testing.TB, source []byte) *program.Catalog {
	t.Helper()
	path := filepath.Join(t.TempDir(), "programs.yaml")
	if err := os.WriteFile(path, source, 0o600); err != nil {
		t.Fatal(err)
	}
	catalog, err := config.LoadPrograms(path)
	if err != nil {
		t.Fatal(err)
	}
	return catalog
}

// goldenRun is the worked case in a run.
type goldenRun struct {
	*testing.T
	*offline.Run
	partitions int
	next       map[string]int64
	// at is where the record of a topic and an offset of the case lies here.
	at map[string]string
}

// play produces wave by wave, and works each to its end.
func (g *goldenRun) play() {
	g.Helper()
	events, err := golden.Events()
	if err != nil {
		g.Fatal(err)
	}
	g.next, g.at = map[string]int64{}, map[string]string{}
	for i := range events {
		g.place(&events[i])
		if i+1 < len(events) && events[i+1].Wave == events[i].Wave {
			continue
		}
		if err := g.Drain(g.Context()); err != nil {
			g.Fatal(err)
		}
	}
	if err := g.Tick(g.Context(), golden.WrittenAt+1); err != nil {
		g.Fatal(err)
	}
}

func (g *goldenRun) place(e *golden.Event) {
	h := fnv.New32a()
	h.Write(e.Record.Key) //nolint:errcheck // it never fails
	partition := int(h.Sum32()) % g.partitions
	at := fmt.Sprintf("%s/%d", e.Topic, partition)
	g.at[fmt.Sprint(e.Topic, "@", e.Record.Offset)] = fmt.Sprintf("%s@%d", at, g.next[at])
	g.next[at]++
	g.ProduceTo(e.Topic, partition, e.Record)
}

func (g *goldenRun) compare() {
	g.Helper()
	books, err := golden.Books()
	if err != nil {
		g.Fatal(err)
	}
	for table, rows := range books {
		for _, r := range rows {
			if r["topic"] != nil {
				r["at"] = g.at[fmt.Sprint(r["topic"], "@", r["offset"].(json.Number))]
				delete(r, "topic")
				delete(r, "partition")
				delete(r, "offset")
			}
		}
		switch table {
		case "clicks", "conversions", "adjustments":
			g.same(table, rows, g.rows(table), "at")
		case "attributions":
			g.same(table, rows, g.rows(table), "org_id", "program_id", "conversion_id", "model", "referrer_id")
		case "dead_letters":
			g.same(table, rows, g.letters(), "at", "reason")
		case "rewards":
			g.compareRewards(rows)
		}
	}
}

// rows are those of a table, with one column for where their records lie.
func (g *goldenRun) rows(table string) (all []golden.Row) {
	for _, r := range g.Rows(table) {
		r["at"] = fmt.Sprintf("%v/%v@%v", r["kafka_topic"], r["kafka_partition"], r["kafka_offset"])
		if days, ok := r["day"].(int32); ok {
			r["day"] = time.Unix(int64(days)*86400, 0).UTC().Format(time.DateOnly)
		}
		all = append(all, golden.Row(r))
	}
	return all
}

func (g *goldenRun) letters() (all []golden.Row) {
	for _, l := range g.Letters() {
		all = append(all, golden.Row{"at": fmt.Sprintf("%s/%d@%d", l.Position.Topic, l.Position.Partition, l.Position.Offset), "reason": l.Reason})
	}
	return all
}

// compareRewards compares what is left of rewards: by id, but by tier and period
// for tiers, and by period for brackets, as the case has them.
func (g *goldenRun) compareRewards(want []golden.Row) {
	g.Helper()
	want = slices.DeleteFunc(want, func(r golden.Row) bool { return fmt.Sprint(r["net"]) == "0" })
	for _, r := range want {
		for _, column := range []string{"money", "kind", "constrained", "conversion_id", "conversion_time", "day", "may_wait"} {
			delete(r, column)
		}
	}
	left, names := map[string]int64{}, map[string]golden.Row{}
	for _, r := range g.Rows("rewards") { // in the order of their sequence
		id := fmt.Sprint(r["reward_id"])
		if names[id] == nil {
			names[id] = golden.Row{
				"org": r["org_id"], "program": r["program_id"], "rule": r["rule_id"], "reward": r["reward"],
				"beneficiary": r["beneficiary_id"], "role": r["beneficiary_role"], "unit": r["currency"].(string) + r["unit"].(string),
				"reward_id": "", "tier": r["tier_id"], "period": r["period"],
			}
			if r["tier_id"] == "" && r["rule_id"] != "accelerator" {
				names[id]["reward_id"] = id
			}
		}
		left[id] = r["remaining_minor"].(int64) + r["remaining_quantity"].(int64)
	}
	nets := map[string]golden.Row{}
	for id, name := range names {
		key := fmt.Sprint(name)
		if nets[key] == nil {
			nets[key] = maps.Clone(name)
			nets[key]["net"] = int64(0)
		}
		nets[key]["net"] = nets[key]["net"].(int64) + left[id]
	}
	got := slices.DeleteFunc(slices.Collect(maps.Values(nets)), func(r golden.Row) bool { return r["net"] == int64(0) })
	g.same("rewards", want, got, "org", "program", "rule", "reward", "beneficiary", "role", "unit", "reward_id", "tier", "period")
}

func (g *goldenRun) same(what string, want, got []golden.Row, key ...string) {
	g.Helper()
	if len(want) == 0 {
		g.Errorf("%s: the case has no rows", what)
	}
	told := golden.Differences(want, got, key)
	for _, d := range told[:min(len(told), 5)] {
		g.Errorf("%s: %s", what, d)
	}
	if len(told) > 5 {
		g.Errorf("%s: %d differences in all", what, len(told))
	}
}
