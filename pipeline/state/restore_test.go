package state_test

import (
	"bytes"
	"errors"
	"log/slog"
	"slices"
	"testing"

	"github.com/redis/go-redis/v9"

	"github.com/grapevinehq/grapevine/internal/enginetest"
	"github.com/grapevinehq/grapevine/pipeline"
	"github.com/grapevinehq/grapevine/pipeline/state"
)

const restoredInstallation = "11111111-2222-3333-4444-555555555555"

// opened is a store that belongs to no installation yet.
func opened(t *testing.T, client redis.UniversalClient) *state.Store {
	t.Helper()
	store, err := state.Open(t.Context(), client, state.Options{Log: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	return store
}

// remade makes anew what two partitions remember, and leaves off before the end.
func remade(t *testing.T, store *state.Store, run string, p, other pipeline.Partition) *state.Restoration {
	t.Helper()
	r, err := store.Restore(t.Context(), restoredInstallation, run, 1_800_000_000, []state.Restored{
		{Partition: p, Number: 3, Claims: true, Shares: true}, {Partition: other, Number: 7},
	})
	must(t, err)
	ctx := t.Context()
	must(t, r.Set(ctx, p, []pipeline.KeyValue{{Key: "k", Value: []byte("v")}, {Key: "bucket", Value: []byte("ab")}}))
	must(t, r.Append(ctx, p, []pipeline.KeyValue{{Key: "bucket", Value: []byte("cd")}}))
	must(t, r.Enqueue(ctx, p, []pipeline.QueueMember{{Key: "q", Member: "m", Rank: 5}}))
	must(t, r.Share(ctx, []pipeline.SharedSet{{Key: "member", Field: "f", Value: []byte("x")}}))
	must(t, r.Claim(ctx, p, owned(claims(10, "kept"))))
	must(t, r.Release(ctx, []pipeline.ClaimID{pipeline.NewClaimID("old")}))
	must(t, r.Budget(ctx, "acme/growth", 70, map[pipeline.Partition]uint64{other: 6}))
	must(t, r.Wait(ctx, other, []pipeline.Draw{{Budget: "acme/growth", Amount: 40, Time: 9, Reward: "r1", Ref: "ref1"}}))
	must(t, r.Agree(ctx, map[string][]byte{"what": []byte("agreed")}))
	must(t, r.Revision(ctx, "hash", []byte("source")))
	for _, journal := range []pipeline.Journal{
		{Bounds: batch(p, 3), Facts: []byte("facts"), Record: []byte("record")},
		{Bounds: batch(other, 7), Record: []byte("another")},
	} {
		must(t, r.Journal(ctx, journal))
	}
	return r
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// What is restored is what workers find: on one server and on a cluster.
func TestRestore_makes_what_workers_go_on_with(t *testing.T) {
	for name, connected := range map[string]func(t *testing.T) redis.UniversalClient{
		"one server": func(t *testing.T) redis.UniversalClient { return connect(t, enginetest.RedisAlone(t).Addr) },
		"a cluster":  func(t *testing.T) redis.UniversalClient { return cluster(t) },
	} {
		t.Run(name, func(t *testing.T) {
			client := connected(t)
			p, other := somePartition(), somePartition()
			before := initialised(t, client) // what it held before is gone
			left, _ := takeOver(t, before, p, 1)
			fill(t, left, p, 1, 2)
			store := opened(t, client)
			r := remade(t, store, "run", p, other)

			if id, err := opened(t, client).Installation(t.Context()); err != nil || id != "" {
				t.Fatalf("before the end Redis belongs to %q (%v)", id, err)
			}
			must(t, r.Mark(t.Context(), "unit"))
			again := remade(t, store, "run", p, other)
			if done, err := again.Done(t.Context(), "unit"); err != nil || !done || !again.Resumed() {
				t.Fatalf("a run that was cut off does not go on: %t (%v)", done, err)
			}
			must(t, again.Delete(t.Context(), p, []string{"bucket"}))
			must(t, again.Append(t.Context(), p, []pipeline.KeyValue{{Key: "bucket", Value: []byte("abcd")}}))
			must(t, again.Finish(t.Context()))
			checkRestored(t, client, p, other)
		})
	}
}

func checkRestored(t *testing.T, client redis.UniversalClient, p, other pipeline.Partition) {
	t.Helper()
	ctx := t.Context()
	store := opened(t, client)
	if id, err := store.Installation(ctx); err != nil || id != restoredInstallation {
		t.Fatalf("Redis belongs to %q (%v)", id, err)
	}
	memory, journal := takeOver(t, store, p, 1)
	if journal.Bounds != batch(p, 3) || !journal.Filled || string(journal.Facts) != "facts" || string(journal.Record) != "record" {
		t.Errorf("journal %+v", journal)
	}
	must(t, store.CheckShared(ctx, p, 4))
	if value(t, memory, "k") != "v" || value(t, memory, "bucket") != "abcd" {
		t.Errorf("values %q and %q", value(t, memory, "k"), value(t, memory, "bucket"))
	}
	heads, err := memory.Heads(ctx, []pipeline.QueueAsk{{Key: "q", UpTo: 5, Limit: 2}})
	if err != nil || len(heads[0]) != 1 || heads[0][0].Member != "m" {
		t.Errorf("queue %v (%v)", heads, err)
	}
	answers, err := memory.Claim(ctx, batch(p, 4), append(claims(10, "kept"), append(claims(11, "kept"), claims(12, "old", "new")...)...))
	if err != nil || !slices.Equal(answers, []pipeline.Claimed{won, lost, unlessOld, won}) {
		t.Errorf("claims %v (%v)", answers, err)
	}
	if agreed, err := store.Meta(ctx, "what"); err != nil || string(agreed) != "agreed" {
		t.Errorf("agreed on %q (%v)", agreed, err)
	}
	if source, found, err := store.Revision(ctx, "hash"); err != nil || !found || !bytes.Equal(source, []byte("source")) {
		t.Errorf("revision %q (%v)", source, err)
	}

	drawer, journal := takeOver(t, store, other, 1)
	if journal.Bounds != batch(other, 7) {
		t.Errorf("journal %+v", journal)
	}
	b := batch(other, 8)
	begin(t, drawer, b)
	drawn, err := drawer.Draw(ctx, b, []pipeline.Draw{
		{ID: "1", Budget: "acme/growth", Limit: 85, Before: 6, Op: pipeline.DrawTake, Amount: 20, Time: 10, Reward: "r2", Ref: "ref2"}, // behind r1
		{ID: "2", Budget: "acme/growth", Limit: 115, Before: 6, Op: pipeline.DrawCollect},
	})
	if err != nil || drawn[0].Taken || !slices.Equal(drawn[1].Collected, []pipeline.Grant{{Ref: "ref1", Amount: 40}}) {
		t.Errorf("draws %+v (%v)", drawn, err)
	}
}

// A slot group that loses what was written to it is not handed to the workers, and
// another run begins from the start.
func TestRestore_notices_what_was_lost_meanwhile(t *testing.T) {
	client := connect(t, enginetest.RedisAlone(t).Addr)
	p, other := somePartition(), somePartition()
	store := opened(t, client)
	r := remade(t, store, "run", p, other)
	must(t, r.Mark(t.Context(), "unit"))
	must(t, client.FlushAll(t.Context()).Err())
	if err := r.Finish(t.Context()); err == nil {
		t.Error("an empty Redis was handed to the workers")
	}
	for _, run := range []string{"run", "another"} {
		r = remade(t, store, run, p, other)
		if done, err := r.Done(t.Context(), "unit"); err != nil || done || r.Resumed() {
			t.Errorf("run %s goes on with what is not there: %t (%v)", run, done, err)
		}
		must(t, r.Mark(t.Context(), "unit"))
	}
}

// A zombie of before has a fence of an era that is over.
func TestRestore_begins_an_era(t *testing.T) {
	client := connect(t, enginetest.RedisAlone(t).Addr)
	p, other := somePartition(), somePartition()
	store := opened(t, client)
	must(t, remade(t, store, "run", p, other).Finish(t.Context()))
	if _, err := store.Installation(t.Context()); err != nil {
		t.Fatal(err)
	}
	zombie, _ := takeOver(t, store, p, 9) // as if it were of before
	must(t, remade(t, store, "again", p, other).Finish(t.Context()))
	r, err := store.Restore(t.Context(), restoredInstallation, "later", 1_800_000_001, []state.Restored{{Partition: p, Number: 3}})
	must(t, err)
	must(t, r.Journal(t.Context(), pipeline.Journal{Bounds: batch(p, 3), Record: []byte("record")}))
	must(t, r.Finish(t.Context()))
	if _, err := zombie.Fill(t.Context(), batch(p, 4), nil, []byte("r"), pipeline.Writes{}); !errors.Is(err, pipeline.ErrFenced) {
		t.Errorf("a zombie was answered %v", err)
	}
	takeOver(t, store, p, 1)
}

func TestSurvey_tells_whole_from_what_was_lost(t *testing.T) {
	client := connect(t, enginetest.RedisAlone(t).Addr)
	p, other := somePartition(), somePartition()
	store := opened(t, client)
	survey := func(number uint64) state.Survey {
		t.Helper()
		found, err := store.Survey(t.Context(), restoredInstallation, []state.Restored{{Partition: p, Number: number, Claims: true, Shares: true}})
		must(t, err)
		return found
	}
	if found := survey(3); !found.Empty || found.Whole || found.Other != "" {
		t.Errorf("an empty Redis is %+v", found)
	}
	must(t, remade(t, store, "run", p, other).Finish(t.Context()))
	if found := survey(3); found.Empty || !found.Whole {
		t.Errorf("a whole one is %+v", found)
	}
	if found := survey(5); found.Whole {
		t.Errorf("an older one is %+v", found)
	}
	must(t, client.Del(t.Context(), "{g7f}:marker").Err())
	if found := survey(3); found.Whole || found.Empty {
		t.Errorf("one that lost a slot group is %+v", found)
	}
	must(t, client.HSet(t.Context(), "{g7f}:marker", "installation", "another").Err())
	if found := survey(3); found.Whole || found.Other != "another" {
		t.Errorf("one with something of another installation is %+v", found)
	}
}
