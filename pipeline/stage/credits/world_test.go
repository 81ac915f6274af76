package credits

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/grapevinehq/grapevine/config"
	"github.com/grapevinehq/grapevine/internal/golden"
	"github.com/grapevinehq/grapevine/pipeline"
	"github.com/grapevinehq/grapevine/pipeline/event"
	"github.com/grapevinehq/grapevine/pipeline/program"
)

// world is everything around the stage, in memory: one partition at work.
type world struct {
	t       testing.TB
	catalog *program.Catalog
	worker  pipeline.Worker
	bounds  pipeline.Bounds

	memory map[string][]byte
	gets   int
	inBook map[string]bool // what the table credits answers
	asked  []string

	rows     map[string][]map[string]any
	messages []pipeline.Message
	letters  []pipeline.DeadLetter
	counts   map[string]int
}

func newWorld(t testing.TB, catalog *program.Catalog) *world {
	t.Helper()
	w := &world{
		t: t, catalog: catalog, memory: map[string][]byte{}, inBook: map[string]bool{},
		rows: map[string][]map[string]any{}, counts: map[string]int{},
	}
	w.bounds = pipeline.Bounds{Partition: pipeline.Partition{Topic: "x.referral.credits", Incarnation: "i", ID: 3}, Revision: "rev"}
	stage := &Stage{Catalogs: w, Books: w, Retention: 24 * time.Hour}
	var err error
	if w.worker, err = stage.TakeOver(context.Background(), &pipeline.Session{Partition: w.bounds.Partition, Memory: memory{world: w}}); err != nil {
		t.Fatal(err)
	}
	return w
}

func (w *world) Revision(_ context.Context, hash string) (*program.Catalog, error) {
	if hash != "rev" {
		return nil, errors.New("unknown revision")
	}
	return w.catalog, nil
}

func (w *world) Taken(_ context.Context, credits []*event.Credit) ([]bool, error) {
	taken := make([]bool, len(credits))
	for i, c := range credits {
		w.asked = append(w.asked, event.CreditID(c))
		taken[i] = w.inBook[event.CreditID(c)]
	}
	return taken, nil
}

// memory answers Get; nothing else is asked of it here.
type memory struct {
	pipeline.Memory
	*world
}

func (m memory) Get(_ context.Context, keys []string) ([][]byte, error) {
	m.gets++
	values := make([][]byte, len(keys))
	for i, key := range keys {
		values[i] = m.world.memory[key]
	}
	return values, nil
}

// work takes a batch through the stage as the loop does, and checks that a
// replay of the journalled record by another worker gives the same, but for the
// writes that were made with it.
func (w *world) work(records []event.Record) pipeline.Outcome {
	t, ctx := w.t, context.Background()
	t.Helper()
	w.bounds.Number++
	w.bounds.First, w.bounds.End = records[0].Offset, records[len(records)-1].Offset+1
	if w.bounds.Time == 0 {
		w.bounds.Time = golden.WrittenAt
	}
	batch := w.decode(records)
	succeed(t, batch.LookUp(ctx, pipeline.Progress{}))
	if facts, err := batch.Facts(); err != nil || facts != nil {
		t.Fatalf("the stage claims nothing, but has facts %q, %v", facts, err)
	}
	succeed(t, batch.Decide())
	record, err := batch.Record()
	succeed(t, err)
	succeed(t, batch.TakeRecord(record))
	outcome, err := batch.Outcome(ctx)
	succeed(t, err)

	successor := w.decode(records)
	succeed(t, successor.TakeRecord(record))
	replayed, err := successor.Outcome(ctx)
	succeed(t, err)
	if len(replayed.Writes.Set) > 0 {
		t.Fatal("a replay writes the memory again")
	}
	writes := outcome.Writes
	outcome.Writes = pipeline.Writes{}
	if a, b := fmt.Sprintf("%+v", outcome), fmt.Sprintf("%+v", replayed); a != b {
		t.Fatalf("decided %s\nreplayed %s", a, b)
	}
	for _, s := range writes.Set {
		w.memory[s.Key] = s.Value
	}
	w.keep(outcome)
	return outcome
}

func (w *world) decode(records []event.Record) pipeline.Work {
	w.t.Helper()
	batch, err := w.worker.Decode(w.bounds, records)
	succeed(w.t, err)
	return batch
}

func (w *world) keep(out pipeline.Outcome) {
	w.messages = append(w.messages, out.Messages...)
	w.letters = append(w.letters, out.DeadLetters...)
	for _, c := range out.Counts {
		w.counts[c.Verdict] += c.N
	}
	for _, block := range out.Blocks {
		for i := range block.Rows {
			row := map[string]any{}
			for _, c := range block.Columns {
				row[c.Name] = cell(w.t, c, i)
			}
			w.rows[block.Table] = append(w.rows[block.Table], row)
		}
	}
}

func cell(t testing.TB, c pipeline.Column, i int) any {
	t.Helper()
	switch data := c.Data.(type) {
	case []string:
		return data[i]
	case []int64:
		return data[i]
	case []int32:
		return data[i]
	case []uint8:
		return data[i]
	case [][]int64:
		return data[i]
	case [][]string:
		return data[i]
	}
	t.Fatalf("column %s is a %T", c.Name, c.Data)
	return nil
}

// record is a credit as it lies in Kafka.
func recordOf(t testing.TB, offset int64, c event.Credit) event.Record {
	t.Helper()
	key, value, err := event.EncodeCredit(&c)
	succeed(t, err)
	return event.Record{
		Offset: offset, Time: golden.WrittenAt, Key: key, Value: value,
		Headers: []event.Header{{Key: event.ContentType, Value: []byte(event.StructuredContentType)}},
	}
}

func recordsOf(t testing.TB, credits []event.Credit) []event.Record {
	t.Helper()
	records := make([]event.Record, len(credits))
	for i := range credits {
		records[i] = recordOf(t, int64(100+i), credits[i])
	}
	return records
}

func goldenCatalog(t testing.TB) *program.Catalog {
	t.Helper()
	path := filepath.Join(t.TempDir(), "programs.yaml")
	succeed(t, os.WriteFile(path, golden.Programs(), 0o600))
	catalog, err := config.LoadPrograms(path)
	succeed(t, err)
	return catalog
}

// goldenCredits are what attribution makes of the worked case.
func goldenCredits(t testing.TB) []event.Credit {
	t.Helper()
	text, err := os.ReadFile("../../reward/testdata/golden/credits.jsonl")
	succeed(t, err)
	var credits []event.Credit
	for lines := bufio.NewScanner(bytes.NewReader(text)); lines.Scan(); {
		var c event.Credit
		succeed(t, json.Unmarshal(lines.Bytes(), &c))
		credits = append(credits, c)
	}
	return credits
}

func succeed(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
