package members

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"maps"
	"testing"
	"time"

	"github.com/grapevinehq/grapevine/internal/bookshelf"
	"github.com/grapevinehq/grapevine/pipeline"
	"github.com/grapevinehq/grapevine/pipeline/event"
	"github.com/grapevinehq/grapevine/pipeline/member"
	"github.com/grapevinehq/grapevine/pipeline/program"
	"github.com/grapevinehq/grapevine/pipeline/recall"
	"github.com/grapevinehq/grapevine/pipeline/volatile"
)

// fataler is a test of either kind.
type fataler interface {
	Helper()
	Fatalf(string, ...any)
}

// world is what a group of workers shares: Redis, Kafka's dead letters and the
// books, in memory.
type world struct {
	shared  map[string]map[string][]byte
	claims  map[string]string
	orgs    []string
	books   bookshelf.Shelf
	parts   []*part
	letters []pipeline.DeadLetter
	rows    int
	reads   int
	// afterApply runs once, after the next batch has written what it shares.
	afterApply func()
}

func newWorld(t fataler, partitions int) *world {
	t.Helper()
	w := &world{shared: map[string]map[string][]byte{}, claims: map[string]string{}, orgs: []string{"acme", "globex"}}
	for id := range partitions {
		p := &part{world: w, id: id, own: map[string][]byte{}}
		p.takeOver(t)
		w.parts = append(w.parts, p)
	}
	return w
}

// Revision implements Catalogs.
func (w *world) Revision(context.Context, string) (*program.Catalog, error) {
	c := &program.Catalog{Orgs: map[string]*program.Org{}}
	for _, id := range w.orgs {
		c.Orgs[id] = &program.Org{ID: id}
	}
	return c, nil
}

// ReadShared implements SharedReader.
func (w *world) ReadShared(_ context.Context, _ map[string][]uint64, keys []string) ([]map[string][]byte, error) {
	w.reads++
	all := make([]map[string][]byte, len(keys))
	for i, k := range keys {
		all[i] = maps.Clone(w.shared[k])
	}
	return all, nil
}

// part is one partition: its memory, and the worker on it.
type part struct {
	*world
	pipeline.Queues  // not asked here
	pipeline.Budgets // nor these

	id      int
	own     map[string][]byte
	applied uint64
	number  uint64
	next    int64
	worker  pipeline.Worker
	claimed int // calls of Claim
}

func (p *part) takeOver(t fataler) {
	t.Helper()
	stage := &Stage{
		Catalogs: p.world, Reader: p.world, Books: &p.books, Limits: event.DefaultLimits, Recall: recall.NewHasher([16]byte{1}),
		Retention: hour,
	}
	worker, err := stage.TakeOver(context.Background(), &pipeline.Session{Memory: p, Log: slog.New(slog.NewTextHandler(io.Discard, nil))})
	if err != nil {
		t.Fatalf("%v", err)
	}
	p.worker = worker
}

// Get implements pipeline.Memory.
func (p *part) Get(_ context.Context, keys []string) ([][]byte, error) {
	all := make([][]byte, len(keys))
	for i, k := range keys {
		all[i] = p.own[k]
	}
	return all, nil
}

func (p *part) Tails(_ context.Context, asks []pipeline.TailAsk) ([][]byte, error) {
	return volatile.Tails(p.own, asks), nil
}

// Begin and Fill are the loop's part: the tests keep the journal themselves.
func (p *part) Begin(context.Context, pipeline.Bounds, []byte) (pipeline.Journal, error) {
	return pipeline.Journal{}, errors.New("not the stage's to call")
}

func (p *part) Fill(context.Context, pipeline.Bounds, []byte, []byte, pipeline.Writes) (pipeline.Journal, error) {
	return pipeline.Journal{}, errors.New("not the stage's to call")
}

// ApplyShared implements pipeline.Memory, once by batch.
func (p *part) ApplyShared(_ context.Context, b pipeline.Bounds, sets []pipeline.SharedSet) error {
	if b.Number > p.applied {
		p.applied = b.Number
		for _, s := range sets {
			if s.Value == nil {
				delete(p.shared[s.Key], s.Field)
				continue
			}
			if p.shared[s.Key] == nil {
				p.shared[s.Key] = map[string][]byte{}
			}
			p.shared[s.Key][s.Field] = s.Value
		}
	}
	if after := p.afterApply; after != nil {
		p.afterApply = nil
		after()
	}
	return nil
}

// Claim implements pipeline.Memory.
func (p *part) Claim(_ context.Context, _ pipeline.Bounds, claims []pipeline.Claim) ([]pipeline.Claimed, error) {
	p.claimed++
	won := make([]pipeline.Claimed, len(claims))
	for i, c := range claims {
		owner := fmt.Sprint(p.id, "/", c.Offset)
		if p.claims[c.Key] == "" {
			p.claims[c.Key] = owner
		}
		if p.claims[c.Key] == owner {
			won[i] = pipeline.ClaimWon
		}
	}
	return won, nil
}

// Release implements pipeline.Memory.
func (*part) Release(context.Context, pipeline.Bounds, []pipeline.Owned) error {
	return errors.New("members release nothing")
}

// crash says how a batch goes wrong before it goes right.
type crash int

const (
	smooth     crash = iota
	afterBegin       // another worker takes over the begin record, without the input
	afterClaim       // the same, once everything was claimed
	afterFill        // another worker carries out the record, without the input
)

// batch works records as the loop does.
func (p *part) batch(t fataler, how crash, records ...event.Record) pipeline.Outcome {
	t.Helper()
	p.number++
	for i := range records {
		records[i].Offset = p.next
		p.next++
	}
	bounds := pipeline.Bounds{
		Partition: pipeline.Partition{Topic: Topic, ID: p.id}, Number: p.number, First: p.next - int64(len(records)), End: p.next, Time: kafkaTime,
	}
	ctx := context.Background()
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatalf("%v", err)
		}
	}
	decode := func(records []event.Record) pipeline.Work {
		k, err := p.worker.Decode(bounds, records)
		must(err)
		return k
	}
	again := func() pipeline.Work {
		p.takeOver(t)
		return decode(nil) // compacted away
	}
	k := decode(records)
	must(k.LookUp(ctx, pipeline.Progress{}))
	facts, err := k.Facts()
	must(err)
	if how == afterBegin {
		k = again()
	}
	must(k.TakeFacts(facts))
	must(k.Claim(ctx))
	if how == afterClaim {
		k = again()
		must(k.TakeFacts(facts))
		must(k.Claim(ctx))
	}
	must(k.Decide())
	record, err := k.Record()
	must(err)
	must(k.TakeRecord(record))
	out, err := k.Outcome(ctx)
	must(err)
	for _, kv := range out.Writes.Set {
		p.own[kv.Key] = kv.Value
	}
	for _, kv := range out.Writes.Append {
		p.own[kv.Key] = append(p.own[kv.Key], kv.Value...)
	}
	if how == afterFill {
		k = again()
		must(k.TakeRecord(record))
		out, err = k.Outcome(ctx)
		must(err)
	}
	must(p.ApplyShared(ctx, bounds, out.Shared))
	p.letters = append(p.letters, out.DeadLetters...)
	p.books.Write(out.Blocks)
	for _, b := range out.Blocks {
		p.rows += b.Rows
	}
	return out
}

// kafkaTime is the timestamp of records: 2026-11-02T00:00:00Z.
const kafkaTime = 1793577600000

// update is a record of a member's update at a time in seconds since the epoch.
func update(org, id, eventID string, seconds int64, data map[string]any) event.Record {
	if data == nil {
		data = map[string]any{}
	}
	data["member_id"] = id
	value, err := json.Marshal(map[string]any{
		"specversion": "1.0", "id": eventID, "source": "crm", "type": string(event.TypeMember), "orgid": org,
		"time": time.Unix(seconds, 0).UTC().Format(time.RFC3339), "data": data,
	})
	if err != nil {
		panic(err)
	}
	return event.Record{Time: kafkaTime, Key: []byte(org + "/" + id), Value: value, Headers: []event.Header{{Key: "traceparent", Value: []byte("00-1")}}}
}

func codes(list ...string) map[string]any { return map[string]any{"referral_codes": list} }

func tombstone(org, id string) event.Record {
	return event.Record{Time: kafkaTime, Key: []byte(org + "/" + id)}
}

// owner asks a fresh directory.
func (w *world) owner(t fataler, ns member.Namespace, code string, seconds int64) string {
	t.Helper()
	owners, err := NewDirectory(w, 10).Owners(context.Background(), pipeline.Progress{}, []CodeQuery{{"acme", ns, code, seconds * 1000}})
	if err != nil {
		t.Fatalf("%v", err)
	}
	return owners[0]
}

func counts(out pipeline.Outcome) map[string]int {
	m := map[string]int{}
	for _, c := range out.Counts {
		m[c.Verdict] = c.N
	}
	return m
}

var _ pipeline.Memory = (*part)(nil)

func column(t *testing.T, b pipeline.Block, name string) any {
	t.Helper()
	for _, c := range b.Columns {
		if c.Name == name {
			return c.Data
		}
	}
	t.Fatalf("no column %s", name)
	return nil
}

func hour() time.Duration { return time.Hour }
