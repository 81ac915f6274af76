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
	"github.com/grapevinehq/grapevine/pipeline/archive"
	"github.com/grapevinehq/grapevine/pipeline/event"
	"github.com/grapevinehq/grapevine/pipeline/program"
	"github.com/grapevinehq/grapevine/pipeline/reward"
	"github.com/grapevinehq/grapevine/pipeline/volatile"
)

// tester is what *testing.T, *testing.B and *rapid.T have in common here.
type tester interface {
	Helper()
	Fatal(args ...any)
	Fatalf(format string, args ...any)
}

// world is everything around the stage, in memory: one partition at work.
type world struct {
	t       tester
	catalog *program.Catalog
	worker  pipeline.Worker
	bounds  pipeline.Bounds
	memory  pipeline.Memory

	generation int32
	seen       int   // rows of rewards that were looked at
	offset     int64 // of the last record
	draws      int   // how often the worker may still draw on budgets

	redis  *volatile.Store
	gets   int
	clicks map[reward.Person]int64 // what the table clicks answers
	inBook map[string]bool         // what the table credits answers
	asked  []string

	hot      time.Duration // until a value moves to the archive
	archived map[string][]byte

	rows     map[string][]map[string]any
	messages []pipeline.Message
	letters  []pipeline.DeadLetter
	counts   map[string]int
}

func newWorld(t testing.TB, catalog *program.Catalog) *world {
	t.Helper()
	return newPartition(t, catalog, volatile.New(), 3)
}

// newPartition is the world of one of several partitions that share a Redis.
func newPartition(t tester, catalog *program.Catalog, redis *volatile.Store, id int) *world {
	t.Helper()
	w := &world{
		t: t, catalog: catalog, redis: redis, clicks: map[reward.Person]int64{}, inBook: map[string]bool{},
		hot: 100_000 * time.Hour, archived: map[string][]byte{},
		rows: map[string][]map[string]any{}, counts: map[string]int{},
	}
	w.bounds = pipeline.Bounds{Partition: pipeline.Partition{Topic: "x.referral.credits", Incarnation: "i", ID: id}, Revision: "rev"}
	w.takeOver()
	return w
}

// takeOver gives the partition to a worker of the next generation.
func (w *world) takeOver() {
	w.t.Helper()
	stage := &Stage{Catalogs: w, Books: w, Retention: 24 * time.Hour, Present: func() string { return w.bounds.Revision },
		Archive: w, Hot: func() time.Duration { return w.hot }}
	w.generation++
	own, _, err := w.redis.TakeOver(context.Background(), w.bounds.Partition, w.generation, nil)
	succeed(w.t, err)
	w.memory = memory{Memory: own, world: w}
	w.worker, err = stage.TakeOver(context.Background(), &pipeline.Session{Partition: w.bounds.Partition, Memory: w.memory})
	succeed(w.t, err)
	w.gets = 0
}

func (w *world) Revision(_ context.Context, hash string) (*program.Catalog, error) {
	if hash != w.bounds.Revision {
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

// Archived implements archive.Books.
func (w *world) Archived(_ context.Context, queries []archive.Query) ([][]byte, error) {
	values := make([][]byte, len(queries))
	for i, q := range queries {
		values[i] = w.archived[q.Key]
	}
	return values, nil
}

func (w *world) UniqueClicks(_ context.Context, members []reward.Person) ([]int64, error) {
	counts := make([]int64, len(members))
	for i, m := range members {
		counts[i] = w.clicks[m]
	}
	return counts, nil
}

// memory counts the calls that read values.
type memory struct {
	pipeline.Memory
	*world
}

func (m memory) Get(ctx context.Context, keys []string) ([][]byte, error) {
	m.gets++
	return m.Memory.Get(ctx, keys)
}

// work takes a batch through the stage as the loop does, and checks that a
// replay of the journalled record by another worker gives the same, but for the
// writes that were made with it.
func (w *world) work(records []event.Record) pipeline.Outcome {
	w.t.Helper()
	outcome := w.journal(records)
	w.keep(outcome)
	succeed(w.t, w.memory.Give(context.Background(), w.bounds, outcome.Gives))
	return outcome
}

// journal takes a batch as far as its journal.
func (w *world) journal(records []event.Record) pipeline.Outcome {
	t := w.t
	t.Helper()
	w.bounds.Number++
	w.bounds.First = w.bounds.End
	if len(records) > 0 {
		w.bounds.First, w.bounds.End = records[0].Offset, records[len(records)-1].Offset+1
	}
	if w.bounds.Time == 0 {
		w.bounds.Time = golden.WrittenAt
	}
	batch, facts := w.claimed(records)
	succeed(t, batch.Decide())
	record, err := batch.Record()
	succeed(t, err)
	succeed(t, batch.TakeRecord(record))
	outcome, err := batch.Outcome(context.Background())
	succeed(t, err)
	w.replays(records, record, outcome)
	_, err = w.memory.Fill(context.Background(), w.bounds, facts, record, outcome.Writes)
	succeed(t, err)
	outcome.Writes = pipeline.Writes{}
	return outcome
}

// errDied is what a worker dies of.
var errDied = errors.New("the worker died")

// Draw dies when the worker has drawn as often as it may.
func (m memory) Draw(ctx context.Context, b pipeline.Bounds, draws []pipeline.Draw) ([]pipeline.Drawn, error) {
	if m.draws--; m.draws < 0 {
		return nil, errDied
	}
	return m.Memory.Draw(ctx, b, draws)
}

// claimed takes a batch as far as its claims. When it has facts, one worker dies
// after its first draws and another after all of them, and a third starts over
// from the begin record.
func (w *world) claimed(records []event.Record) (batch pipeline.Work, facts []byte) {
	t, ctx := w.t, context.Background()
	t.Helper()
	batch = w.decode(records)
	succeed(t, batch.LookUp(ctx, pipeline.Progress{}))
	facts, err := batch.Facts()
	succeed(t, err)
	if facts == nil {
		return batch, nil
	}
	for attempt := range 3 {
		if attempt > 0 {
			w.takeOver()
			batch = w.decode(records)
		}
		j, err := w.memory.Begin(ctx, w.bounds, facts)
		succeed(t, err)
		succeed(t, batch.TakeFacts(j.Facts))
		w.draws = 1 + attempt*1_000_000
		if err := batch.Claim(ctx); err != nil && (attempt > 0 || !errors.Is(err, errDied)) {
			t.Fatal(err)
		}
	}
	return batch, facts
}

// replays checks that another worker makes the same of a record.
func (w *world) replays(records []event.Record, record []byte, outcome pipeline.Outcome) {
	t := w.t
	t.Helper()
	successor := w.decode(records)
	succeed(t, successor.TakeRecord(record))
	replayed, err := successor.Outcome(context.Background())
	succeed(t, err)
	if len(replayed.Writes.Set) > 0 || len(replayed.Writes.Enqueue) > 0 {
		t.Fatal("a replay writes the memory again")
	}
	outcome.Writes = pipeline.Writes{}
	if a, b := fmt.Sprintf("%+v", outcome), fmt.Sprintf("%+v", replayed); a != b {
		t.Fatalf("decided %s\nreplayed %s", a, b)
	}
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
		if block.Table == archive.Table {
			keys, values := block.Columns[3].Data.([]string), block.Columns[4].Data.([]string)
			for i, key := range keys {
				w.archived[key] = []byte(values[i])
			}
			continue
		}
		for i := range block.Rows {
			row := map[string]any{}
			for _, c := range block.Columns {
				row[c.Name] = cell(w.t, c, i)
			}
			w.rows[block.Table] = append(w.rows[block.Table], row)
		}
	}
}

func cell(t tester, c pipeline.Column, i int) any {
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
func recordOf(t tester, offset int64, c event.Credit) event.Record {
	t.Helper()
	key, value, err := event.EncodeCredit(&c)
	succeed(t, err)
	return event.Record{
		Offset: offset, Time: golden.WrittenAt, Key: key, Value: value,
		Headers: []event.Header{{Key: event.ContentType, Value: []byte(event.StructuredContentType)}},
	}
}

func recordsOf(t tester, credits []event.Credit) []event.Record {
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

func succeed(t tester, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
