package conversions

import (
	"encoding/json"
	"fmt"
	"testing"

	"github.com/grapevinehq/grapevine/internal/golden"
	"github.com/grapevinehq/grapevine/pipeline/attribution"
	"github.com/grapevinehq/grapevine/pipeline/event"
)

// The worked case comes out the same whatever the partitions and the batches,
// and with a worker that is replaced after every batch.
func TestStage_worked_case(t *testing.T) {
	for _, c := range []struct{ partitions, batch int }{{1, 1000}, {1, 7}, {8, 5}, {3, 1}} {
		t.Run(fmt.Sprintf("%d partitions, batches of %d", c.partitions, c.batch), func(t *testing.T) {
			w := newWorld(t, golden.Programs(), c.partitions)
			w.pace = askAtFirst // so that the next wave asks the books again
			run(t, w, c.batch)
			compare(t, w)
		})
	}
}

// run writes wave after wave.
func run(t *testing.T, w *world, batch int) {
	events, err := golden.Events()
	succeed(t, err)
	books, err := golden.Books()
	succeed(t, err)
	clicks := uniqueClicks(t, books["clicks"])
	waiting := make([][]event.Record, len(w.parts))
	flush := func(p *partition) {
		for list := waiting[p.id]; len(list) > 0; {
			n := min(batch, len(list))
			p.work(list[:n])
			p.takeOver()
			list = list[n:]
		}
		waiting[p.id] = nil
	}
	wave := 0
	for _, e := range events {
		if e.Wave != wave {
			for _, p := range w.parts {
				flush(p)
			}
			wave = e.Wave
		}
		switch e.Topic {
		case "referral.members":
			var m event.Member
			if event.DecodeMember(&e.Record, &m, event.DefaultLimits) == nil {
				w.members = append(w.members, m)
			}
		case "referral.clicks":
			if c, ok := clicks[e.Record.Offset]; ok {
				w.touches = append(w.touches, c)
			}
		case topic:
			p := w.of(e.Record.Key)
			waiting[p.id] = append(waiting[p.id], e.Record)
		}
	}
	for _, p := range w.parts {
		flush(p)
	}
}

func uniqueClicks(t *testing.T, rows []golden.Row) map[int64]clicked {
	clicks := make(map[int64]clicked)
	for _, r := range rows {
		if r["verdict"] != "unique" {
			continue
		}
		offset := check(r["offset"].(json.Number).Int64())(t)
		visitor, _ := r["visitor_id"].(string)
		clicks[offset] = clicked{r["org_id"].(string), r["program_id"].(string), visitor, attribution.Touch{
			Time: check(r["time"].(json.Number).Int64())(t), ClickID: r["click_id"].(string), ReferrerID: r["referrer_id"].(string),
		}}
	}
	return clicks
}

// compare compares the books with those of the case.
func compare(t *testing.T, w *world) {
	books, err := golden.Books()
	succeed(t, err)
	for _, c := range []struct {
		table string
		key   []string
	}{
		{conversionsTable, []string{"org_id", "source", "event_id", "offset"}},
		{adjustmentsTable, []string{"org_id", "source", "event_id", "offset"}},
		{attributionsTable, []string{"org_id", "program_id", "conversion_id", "model", "referrer_id"}},
		{"waiting", []string{"topic", "offset"}},
	} {
		want := books[c.table]
		got := w.rows[c.table]
		if c.table == "waiting" { // a row stays when its conversion comes
			got = unmatched(w)
		}
		for _, d := range golden.Differences(want, got, c.key, "partition") {
			t.Errorf("%s: %s", c.table, d)
		}
	}
	again := 0
	for _, r := range books["redelivered"] {
		if r["topic"] == topic {
			again++
		}
	}
	if n := w.counts[redelivered]; n != again {
		t.Errorf("%d events were redelivered; want %d", n, again)
	}
	var letters []golden.Row
	for _, r := range books["dead_letters"] {
		if r["topic"] == topic {
			letters = append(letters, r)
		}
	}
	for _, d := range golden.Differences(letters, w.letters, []string{"offset"}, "partition") {
		t.Errorf("dead letters: %s", d)
	}
}

// unmatched are the adjustments that were neither applied nor refused.
func unmatched(w *world) []golden.Row {
	applied := map[any]bool{}
	for _, r := range w.rows[adjustmentsTable] {
		applied[r["offset"]] = true
	}
	for _, r := range w.letters {
		applied[r["offset"]] = true
	}
	var left []golden.Row
	for _, r := range w.rows[waitingTable] {
		if !applied[r["offset"]] {
			left = append(left, r)
		}
	}
	return left
}
