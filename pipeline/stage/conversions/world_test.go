package conversions

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"hash/fnv"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/grapevinehq/grapevine/config"
	"github.com/grapevinehq/grapevine/internal/bookshelf"
	"github.com/grapevinehq/grapevine/internal/golden"
	"github.com/grapevinehq/grapevine/pipeline"
	"github.com/grapevinehq/grapevine/pipeline/archive"
	"github.com/grapevinehq/grapevine/pipeline/attribution"
	"github.com/grapevinehq/grapevine/pipeline/event"
	"github.com/grapevinehq/grapevine/pipeline/program"
	"github.com/grapevinehq/grapevine/pipeline/recall"
	"github.com/grapevinehq/grapevine/pipeline/volatile"
)

// world is everything around the stage, in memory: one stage at work on some
// partitions.
type world struct {
	t       testing.TB
	catalog *program.Catalog
	touches []clicked
	members []event.Member
	claims  map[pipeline.ClaimID]string
	old     map[pipeline.ClaimID]bool // the filter of what was released
	full    bool                      // it knows nothing better than "maybe"
	parts   []*partition
	stage   *Stage
	books   bookshelf.Shelf

	rows    map[string][]golden.Row
	letters []golden.Row
	credits []event.Credit
	counts  map[string]int // events by verdict
	told    []string
	pace    int64 // ms from batch to batch

	stats map[StatsQuery]Stats
	asked []string // what was asked of them, as figures: members

	hot      time.Duration // until a value moves to the archive
	archived map[archive.Query][]byte
}

// Archived implements archive.Books.
func (w *world) Archived(_ context.Context, queries []archive.Query) ([][]byte, error) {
	values := make([][]byte, len(queries))
	for i, q := range queries {
		values[i] = w.archived[q]
	}
	return values, nil
}

type clicked struct {
	org, program, visitor string
	attribution.Touch
}

// partition is one partition's memory and what has been worked of it.
type partition struct {
	pipeline.Queues  // not asked here
	pipeline.Budgets // nor these

	world  *world
	id     int
	worker pipeline.Worker
	begun  pipeline.Work // the batch that the worker looked up; nil when it died since
	memory map[string][]byte
	bounds pipeline.Bounds
	clock  int64 // of the next batch without records
	mortal bool  // dies when left claims are made
	left   int
}

func newWorld(t testing.TB, programs []byte, partitions int) *world {
	t.Helper()
	path := filepath.Join(t.TempDir(), "programs.yaml")
	if err := os.WriteFile(path, programs, 0o600); err != nil {
		t.Fatal(err)
	}
	catalog, err := config.LoadPrograms(path)
	if err != nil {
		t.Fatal(err)
	}
	w := &world{t: t, catalog: catalog, claims: map[pipeline.ClaimID]string{}, old: map[pipeline.ClaimID]bool{}, rows: map[string][]golden.Row{}, counts: map[string]int{}, pace: 1, hot: 10_000 * time.Hour, archived: map[archive.Query][]byte{}}
	w.stage = New(Options{
		Catalogs: w, Touches: w, Directory: w, Books: w, Hasher: recall.NewHasher([16]byte{1}),
		Recall: recall.Options{Retention: func() time.Duration { return 72 * time.Hour }, Buckets: 4}, Limits: event.DefaultLimits,
		Archive: w, Recorded: &w.books, Hot: func() time.Duration { return w.hot },
	})
	for i := range partitions {
		p := &partition{world: w, id: i, memory: map[string][]byte{}}
		p.takeOver()
		w.parts = append(w.parts, p)
	}
	return w
}

// takeOver starts a new worker on what the partition remembers.
func (p *partition) takeOver() {
	worker, err := p.world.stage.TakeOver(context.Background(), &pipeline.Session{
		Partition: pipeline.Partition{Topic: topic, Incarnation: "i", ID: p.id}, Memory: p,
		Log: slog.New(slog.NewTextHandler(io.Discard, nil)),
	})
	if err != nil {
		p.world.t.Fatal(err)
	}
	p.worker, p.begun = worker, nil
}

// of is the partition of a key.
func (w *world) of(key []byte) *partition {
	h := fnv.New32a()
	h.Write(key)
	return w.parts[int(h.Sum32())%len(w.parts)]
}

// work takes a batch through the stage as the loop does: by way of the begin
// record and of the journal, each read back by a second work as a replay would.
func (p *partition) work(records []event.Record) pipeline.Outcome {
	return p.finish(records, p.begin(records))
}

// begin bounds a batch and looks up its facts, which are then journalled.
func (p *partition) begin(records []event.Record) []byte {
	t := p.world.t
	p.bounds.Partition = pipeline.Partition{Topic: topic, Incarnation: "i", ID: p.id}
	p.bounds.Number++
	p.bounds.Time, p.bounds.Revision = golden.WrittenAt+p.world.pace*int64(p.bounds.Number), p.world.catalog.Revision
	if len(records) == 0 {
		p.bounds.First, p.bounds.Time = p.bounds.End, p.clock
	} else {
		p.bounds.First, p.bounds.End = records[0].Offset, records[len(records)-1].Offset+1
	}
	p.begun = check(p.worker.Decode(p.bounds, records))(t)
	succeed(t, p.begun.LookUp(context.Background(), pipeline.Progress{}))
	return check(p.begun.Facts())(t)
}

// crash claims for a begun batch, and dies after so many claims.
func (p *partition) crash(records []event.Record, facts []byte, claims int) {
	work := check(p.worker.Decode(p.bounds, records))(p.world.t)
	succeed(p.world.t, work.TakeFacts(facts))
	p.mortal, p.left = true, claims
	if err := work.Claim(context.Background()); err != nil && !errors.Is(err, errCrash) {
		p.world.t.Fatal(err)
	}
	p.mortal = false
}

var errCrash = errors.New("crash")

// finish takes a begun batch through the rest.
func (p *partition) finish(records []event.Record, facts []byte) pipeline.Outcome {
	t, ctx := p.world.t, context.Background()
	first := p.begun
	if first == nil { // who began it is dead
		first = check(p.worker.Decode(p.bounds, records))(t)
	}
	succeed(t, first.TakeFacts(facts))
	succeed(t, first.Claim(ctx))
	succeed(t, first.Decide())
	record := check(first.Record())(t)

	second := check(p.worker.Decode(p.bounds, records))(t) // knows the begin record alone
	succeed(t, second.TakeFacts(facts))                    // and decides the same
	succeed(t, second.Claim(ctx))
	succeed(t, second.Decide())
	second.(*work).record.Moves = first.(*work).record.Moves // which nobody else planned
	if again := check(second.Record())(t); string(again) != string(record) {
		t.Fatalf("batch %d was decided in two ways", p.bounds.Number)
	}

	third := check(p.worker.Decode(p.bounds, records))(t) // knows the journal alone
	succeed(t, third.TakeRecord(record))
	outcome := check(third.Outcome(ctx))(t)
	p.fill(outcome.Writes)
	p.world.take(outcome, p, records)
	return outcome
}

func check[T any](v T, err error) func(testing.TB) T {
	return func(t testing.TB) T {
		t.Helper()
		succeed(t, err)
		return v
	}
}

func succeed(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func (p *partition) fill(w pipeline.Writes) {
	for _, k := range w.Delete { // deletes go first, as they do in Redis
		delete(p.memory, k)
	}
	for _, s := range w.Set {
		p.memory[s.Key] = s.Value
	}
	for _, a := range w.Append {
		p.memory[a.Key] = append(p.memory[a.Key], a.Value...)
	}
}

// take collects what a batch did.
func (w *world) take(o pipeline.Outcome, p *partition, records []event.Record) {
	w.books.Write(o.Blocks)
	for _, b := range o.Blocks {
		if b.Table == archive.Table {
			keys, values := b.Columns[3].Data.([]string), b.Columns[4].Data.([]string)
			for i, key := range keys {
				w.archived[archive.Query{Partition: p.bounds.Partition, Key: key}] = []byte(values[i])
			}
			continue
		}
		for i := range b.Rows {
			w.rows[b.Table] = append(w.rows[b.Table], row(w.t, b, i))
		}
	}
	for _, c := range o.Counts {
		w.counts[c.Verdict] += c.N
	}
	for _, d := range o.DeadLetters {
		var at int64
		if d.Original == nil {
			at = records[d.Index].Offset
		} else {
			at = d.Original.Position.Offset
			if len(d.Original.Value) == 0 || len(d.Original.Key) == 0 {
				w.t.Fatalf("a dead letter of offset %d without its bytes", at)
			}
		}
		w.letters = append(w.letters, golden.Row{"topic": topic, "offset": at, "reason": d.Reason, "detail": d.Detail})
	}
	for _, m := range o.Messages {
		if m.Topic != creditsTopic {
			w.told = append(w.told, string(m.Value))
			continue
		}
		var in event.Inbound
		if problems := event.DecodeCredits(&event.Record{Key: m.Key, Value: m.Value, Headers: []event.Header{{Key: m.Headers[0].Key, Value: m.Headers[0].Value}}}, &in); problems != nil {
			w.t.Fatalf("a credit does not decode: %q\n%s", problems, m.Value)
		}
		w.credits = append(w.credits, in.Credit)
	}
}

// row is one row of a block, under the names of the worked case.
func row(t testing.TB, b pipeline.Block, i int) golden.Row {
	r := golden.Row{}
	for _, c := range b.Columns {
		name := c.Name
		switch name {
		case "kafka_topic":
			name = "topic"
		case "kafka_partition":
			name = "partition"
		case "kafka_offset":
			name = "offset"
		}
		switch data := c.Data.(type) {
		case []string:
			r[name] = data[i]
		case []int64:
			r[name] = data[i]
		case []int32:
			r[name] = data[i]
		case []uint32:
			r[name] = data[i]
		case []uint8:
			r[name] = data[i]
		case [][]string:
			r[name] = data[i]
		case [][]int64:
			r[name] = data[i]
		case [][]uint64:
			r[name] = data[i]
		case []map[string]string:
			r[name] = data[i]
		case []*float64:
			r[name] = data[i]
		default:
			t.Fatalf("column %s of %s is a %T", c.Name, b.Table, c.Data)
		}
		if n := lengthOf(c.Data); n != b.Rows {
			t.Fatalf("column %s of %s has %d of %d rows", c.Name, b.Table, n, b.Rows)
		}
	}
	return r
}

func lengthOf(data any) int {
	switch data := data.(type) {
	case []string:
		return len(data)
	case []int64:
		return len(data)
	case []int32:
		return len(data)
	case []uint32:
		return len(data)
	case []uint8:
		return len(data)
	case [][]string:
		return len(data)
	case [][]uint64:
		return len(data)
	case [][]int64:
		return len(data)
	case []map[string]string:
		return len(data)
	case []*float64:
		return len(data)
	}
	return -1
}

// The partition's memory.

func (p *partition) Get(_ context.Context, keys []string) ([][]byte, error) {
	values := make([][]byte, len(keys))
	for i, k := range keys {
		values[i] = p.memory[k]
	}
	return values, nil
}

func (p *partition) Tails(_ context.Context, asks []pipeline.TailAsk) ([][]byte, error) {
	return volatile.Tails(p.memory, asks), nil
}

func (p *partition) Claim(_ context.Context, _ pipeline.Bounds, claims []pipeline.Claim) ([]pipeline.Claimed, error) {
	claimed := make([]pipeline.Claimed, len(claims))
	for i, c := range claims {
		if p.mortal {
			if p.left--; p.left < 0 {
				return nil, errCrash
			}
		}
		id := pipeline.NewClaimID(c.Key)
		owner, found := p.owner(c.Offset), p.world.claims[id]
		if found == "" {
			found = owner
			if !c.Peek {
				p.world.claims[id] = owner
			}
		}
		switch {
		case found != owner:
		case p.world.full, p.world.old[id]:
			claimed[i] = pipeline.ClaimWonUnlessOld
		default:
			claimed[i] = pipeline.ClaimWon
		}
	}
	return claimed, nil
}

func (p *partition) owner(offset int64) string { return fmt.Sprintf("%d/%d", p.id, offset) }

func (p *partition) Release(_ context.Context, _ pipeline.Bounds, owned []pipeline.Owned) error {
	for _, o := range owned {
		if p.world.claims[o.ID] == p.owner(o.Offset) {
			delete(p.world.claims, o.ID)
			p.world.old[o.ID] = true
		}
	}
	return nil
}

func (p *partition) Begin(context.Context, pipeline.Bounds, []byte) (pipeline.Journal, error) {
	return pipeline.Journal{}, nil
}

func (p *partition) Fill(context.Context, pipeline.Bounds, []byte, []byte, pipeline.Writes) (pipeline.Journal, error) {
	return pipeline.Journal{}, nil
}

func (p *partition) ApplyShared(context.Context, pipeline.Bounds, []pipeline.SharedSet) error {
	return nil
}

// What the stage asks of others.

func (w *world) Revision(_ context.Context, hash string) (*program.Catalog, error) {
	if hash != w.catalog.Revision {
		return nil, fmt.Errorf("no revision %s", hash)
	}
	return w.catalog, nil
}

func (w *world) ByVisitor(_ context.Context, queries []attribution.VisitorQuery) ([][]attribution.Touch, error) {
	found := make([][]attribution.Touch, len(queries))
	for i, q := range queries {
		for _, c := range w.touches {
			if c.org == q.OrgID && c.program == q.ProgramID && c.visitor == q.VisitorID && q.From <= c.Time && c.Time <= q.To {
				found[i] = append(found[i], c.Touch)
			}
		}
	}
	return found, nil
}

func (w *world) ByClickID(_ context.Context, queries []attribution.ClickQuery) ([][]attribution.Touch, error) {
	found := make([][]attribution.Touch, len(queries))
	for i, q := range queries {
		for _, c := range w.touches {
			if c.org == q.OrgID && c.program == q.ProgramID && c.ClickID == q.ClickID {
				found[i] = append(found[i], c.Touch)
			}
		}
	}
	return found, nil
}

// asOf is the newest update of a member that is not later, or else the earliest.
func (w *world) asOf(org, id string, at int64) *event.Member {
	var updates []*event.Member
	for i := range w.members {
		if m := &w.members[i]; m.OrgID == org && m.MemberID == id {
			updates = append(updates, m)
		}
	}
	if len(updates) == 0 {
		return nil
	}
	slices.SortStableFunc(updates, func(a, b *event.Member) int { return cmp.Compare(a.Time, b.Time) })
	best := updates[0]
	for _, u := range updates {
		if u.Time <= at {
			best = u
		}
	}
	return best
}

func (w *world) Members(_ context.Context, _ pipeline.Progress, queries []MemberQuery) ([]Member, error) {
	found := make([]Member, len(queries))
	for i, q := range queries {
		if m := w.asOf(q.OrgID, q.MemberID, q.At); m != nil {
			found[i] = Member{true, m.Status, m.EmailHash, m.Locale, m.Segments, m.Attributes}
		}
	}
	return found, nil
}

func (w *world) CouponOwners(_ context.Context, _ pipeline.Progress, queries []CouponQuery) ([]string, error) {
	owners := make([]string, len(queries))
	for i, q := range queries {
		for _, m := range w.members {
			if now := w.asOf(q.OrgID, m.MemberID, q.At); m.OrgID == q.OrgID && now != nil && slices.Contains(now.CouponCodes, q.Code) {
				owners[i] = m.MemberID
				break
			}
		}
	}
	return owners, nil
}

func (w *world) Conversions(_ context.Context, queries []ConversionQuery) ([]Stored, error) {
	found := make([]Stored, len(queries))
	for i, q := range queries {
		for _, r := range w.rows[conversionsTable] {
			if r["org_id"] != q.OrgID || r["program_id"] != q.ProgramID || r["conversion_id"] != q.ConversionID || r["verdict"] == inactive {
				continue
			}
			found[i].Claimed = true
			if r["verdict"] != duplicate {
				found[i].CustomerID = r["customer_id"].(string)
			}
		}
	}
	return found, nil
}

func (w *world) Claimed(_ context.Context, queries []ClaimQuery) ([]bool, error) {
	found := make([]bool, len(queries))
	for i, q := range queries {
		for _, r := range w.rows[conversionsTable] {
			claims, id := owns(r["claims"].(uint8)), r["conversion_id"]
			wanted := claims&ownsConversion != 0
			if q.Kind != "" {
				wanted, id = claims&ownsOrder != 0 && r["kind"] == string(q.Kind), r["order_id"]
			}
			found[i] = found[i] || wanted && r["org_id"] == q.OrgID && r["program_id"] == q.ProgramID && id == q.ID
		}
	}
	return found, nil
}

func (w *world) Stats(_ context.Context, of program.Stats, queries []StatsQuery) ([]Stats, error) {
	found := make([]Stats, len(queries))
	var who []string
	for i, q := range queries {
		found[i] = w.stats[q]
		who = append(who, q.OrgID+"/"+q.MemberID)
	}
	slices.Sort(who)
	w.asked = append(w.asked, fmt.Sprintf("%04b: %s", of, strings.Join(who, " ")))
	return found, nil
}

func instant(ms int64) string { return time.UnixMilli(ms).UTC().Format(time.RFC3339Nano) }
