package clicks

import (
	"fmt"
	"io"
	"log/slog"
	"maps"
	"reflect"
	"testing"
	"time"

	"github.com/grapevinehq/grapevine/pipeline"
	"github.com/grapevinehq/grapevine/pipeline/event"
	"github.com/grapevinehq/grapevine/pipeline/program"
	"github.com/grapevinehq/grapevine/pipeline/recall"
)

// watchful is the tests' catalog, its org looking at clicks.
func watchful() *program.Catalog {
	org := *catalog.Orgs["o"]
	org.WatchesClicks = true
	c := *catalog
	c.Orgs = maps.Clone(catalog.Orgs)
	c.Orgs["o"] = &org
	return &c
}

func TestStage_tells_rewards_who_was_clicked(t *testing.T) {
	batches := [][]clickAt{
		{
			{id: "1", referrer: "ann", visitor: "v", at: 3 * time.Minute},
			{id: "2", referrer: "bob", visitor: "v"},
			{id: "3", referrer: "ann", visitor: "v", at: 4 * time.Minute}, // duplicate
			{id: "4", code: "CODE", visitor: "w", at: time.Minute},        // ann's, older
			{id: "5", referrer: "mallory", visitor: "v"},                  // banned
			{id: "6", referrer: "cid", visitor: "v", at: -time.Hour},      // inactive
		},
		{{id: "7", referrer: "bob", visitor: "v", at: time.Minute}}, // duplicate
		{{id: "8", referrer: "bob", visitor: "x", at: time.Minute}},
	}
	told := func(member string, at time.Duration, offset int64) event.MemberClicked {
		return event.MemberClicked{OrgID: "o", MemberID: member, Time: start + at.Milliseconds(), Partition: 1, Offset: offset, DecidedAt: start}
	}
	for name, c := range map[string]struct {
		catalog *program.Catalog
		want    []event.MemberClicked
	}{
		"of an org that watches": {watchful(), []event.MemberClicked{told("ann", 3*time.Minute, 3), told("bob", 0, 1), told("bob", time.Minute, 7)}},
		"of no other":            {catalog, nil},
	} {
		w := newWorld()
		w.catalog = c.catalog
		for _, batch := range batches {
			w.process(t, batch...)
		}
		var got []event.MemberClicked
		for _, m := range w.messages {
			var in event.Inbound
			if p := event.DecodeCredits(&event.Record{Key: m.Key, Value: m.Value}, &in); p != nil || m.Topic != "referral.credits" || in.Type != event.TypeMemberClicked {
				t.Fatalf("%s: %q in %s", m.Topic, p, m.Value)
			}
			got = append(got, *in.Clicked)
		}
		if !reflect.DeepEqual(got, c.want) {
			t.Errorf("%s: got  %+v\nwant %+v", name, got, c.want)
		}
	}
}

// BenchmarkStage takes batches of 20,000 clicks of 2,000 members, all unique,
// through the stage: with orgs that look at clicks, and without.
func BenchmarkStage(b *testing.B) {
	for name, catalog := range map[string]*program.Catalog{"unwatched": catalog, "watched": watchful()} {
		b.Run(name, func(b *testing.B) {
			const n = 20_000
			records := make([]event.Record, n)
			for i := range records {
				c := clickAt{id: fmt.Sprint("e", i), referrer: fmt.Sprint("m", i%2000), visitor: fmt.Sprint("v", i)}
				records[i] = c.record(int64(i))
			}
			b.ReportAllocs()
			for b.Loop() {
				b.StopTimer()
				w := newWorld()
				w.catalog = catalog
				s := &Stage{Catalogs: w, Directory: w, Limits: event.DefaultLimits, Recall: recall.NewHasher([16]byte{9}), Secrets: w.secrets,
					Retention: func() time.Duration { return 73 * time.Hour }}
				worker, err := s.TakeOver(b.Context(), &pipeline.Session{Memory: w, Log: slog.New(slog.NewTextHandler(io.Discard, nil))})
				check(b, err)
				bounds := pipeline.Bounds{Number: 1, End: n, Time: start, Partition: pipeline.Partition{Topic: Topic, ID: 1}}
				b.StartTimer()
				batch, err := worker.Decode(bounds, records)
				check(b, err)
				check(b, batch.LookUp(b.Context(), pipeline.Progress{}))
				check(b, batch.Decide())
				record, err := batch.Record()
				check(b, err)
				check(b, batch.TakeRecord(record))
				_, err = batch.Outcome(b.Context())
				check(b, err)
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/n, "ns/click")
		})
	}
}
