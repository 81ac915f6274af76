package members

import (
	"context"
	"log/slog"
	"slices"
	"testing"

	"github.com/google/uuid"
	"github.com/redis/go-redis/v9"

	"github.com/grapevinehq/grapevine/internal/enginetest"
	"github.com/grapevinehq/grapevine/pipeline"
	"github.com/grapevinehq/grapevine/pipeline/event"
	"github.com/grapevinehq/grapevine/pipeline/member"
	"github.com/grapevinehq/grapevine/pipeline/state"
)

// On the real state: two partitions, each batch with its begin record, its
// claims and its journal, and a worker that dies after the begin record.
func TestStage_on_redis(t *testing.T) {
	ctx := t.Context()
	client := redis.NewClient(&redis.Options{Addr: enginetest.RedisAlone(t).Addr})
	t.Cleanup(func() { _ = client.Close() })
	store, err := state.Open(ctx, client, state.Options{Encoder: 1, Log: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := store.Initialise(ctx, uuid.NewString()); err != nil {
		t.Fatal(err)
	}
	r := &onRedis{T: t, store: store, incarnation: uuid.NewString(), generation: 1, numbers: make([]uint64, 2), world: world{orgs: []string{"acme"}}}

	r.batch(0, false, update("acme", "late", "e1", 20, codes("C")), update("acme", "m", "e2", 10, nil))
	if got := r.batch(1, true, update("acme", "early", "e3", 10, codes("C"))); !slices.Equal(got, []string{"code_taken e1"}) {
		t.Errorf("letters %q", got)
	}
	if got := r.batch(0, true, update("acme", "late", "e1", 20, codes("C")), update("acme", "late", "e4", 30, codes("C", "D"))); !slices.Equal(got, []string{"code_taken e4"}) {
		t.Errorf("letters %q", got)
	}
	r.batch(1, false, tombstone("acme", "early"))

	d := NewDirectory(r.reader(), 100)
	progress := pipeline.Progress{Numbers: map[string][]uint64{Topic: r.numbers}}
	owners, err := d.Owners(ctx, progress, []CodeQuery{{"acme", member.Referral, "C", 0}, {"acme", member.Referral, "D", 0}, {"acme", member.Referral, "D", 30_000}})
	if err != nil || !slices.Equal(owners, []string{"late", "", "late"}) {
		t.Errorf("%q, %v", owners, err)
	}
	progress.Numbers[Topic] = []uint64{r.numbers[0] + 1, r.numbers[1]}
	if _, err := d.Owners(ctx, progress, []CodeQuery{{"acme", member.Referral, "E", 0}}); err == nil {
		t.Error("a batch that Redis does not have is not missed")
	}
}

type onRedis struct {
	*testing.T
	store       *state.Store
	incarnation string
	generation  int32
	numbers     []uint64
	world       world
}

func (r *onRedis) reader() SharedReader {
	return r.store.SharedReader(map[string]string{Topic: r.incarnation})
}

// batch works records as the loop does; dying workers get as far as their
// claims, and their successors see no input: it was compacted away.
func (r *onRedis) batch(partition int, dies bool, records ...event.Record) (letters []string) {
	r.Helper()
	ctx := context.Background()
	p := pipeline.Partition{Topic: Topic, Incarnation: r.incarnation, ID: partition}
	must := func(err error) {
		r.Helper()
		if err != nil {
			r.Fatal(err)
		}
	}
	r.numbers[partition]++
	number := r.numbers[partition]
	for i := range records {
		records[i].Offset = int64(number)*10 + int64(i)
	}
	bounds := pipeline.Bounds{Partition: p, Number: number, First: int64(number) * 10, End: int64(number)*10 + 10, Time: kafkaTime, Revision: "r"}
	begin := func(records []event.Record) (pipeline.Memory, pipeline.Work, pipeline.Journal) {
		r.generation++
		memory, journal, err := r.store.TakeOver(ctx, p, r.generation, func(context.Context) error { return nil })
		must(err)
		stage := &Stage{Catalogs: &r.world, Reader: r.reader(), Books: &r.world.books, Limits: event.DefaultLimits, Retention: hour}
		worker, err := stage.TakeOver(ctx, &pipeline.Session{Partition: p, Memory: memory})
		must(err)
		k, err := worker.Decode(bounds, records)
		must(err)
		return memory, k, journal
	}
	memory, k, _ := begin(records)
	must(k.LookUp(ctx, pipeline.Progress{}))
	facts, err := k.Facts()
	must(err)
	journal, err := memory.Begin(ctx, bounds, facts)
	must(err)
	if dies {
		must(k.TakeFacts(journal.Facts))
		must(k.Claim(ctx))
		memory, k, journal = begin(nil)
	}
	must(k.TakeFacts(journal.Facts))
	must(k.Claim(ctx))
	must(k.Decide())
	record, err := k.Record()
	must(err)
	must(k.TakeRecord(record))
	out, err := k.Outcome(ctx)
	must(err)
	_, err = memory.Fill(ctx, bounds, journal.Facts, record, out.Writes)
	must(err)
	must(memory.ApplyShared(ctx, bounds, out.Shared))
	must(r.store.CheckShared(ctx, p, number+1))
	for _, d := range out.DeadLetters {
		letters = append(letters, d.Reason+" "+d.EventID)
	}
	return letters
}
