package members

import (
	"context"
	"fmt"
	"slices"
	"testing"

	"github.com/grapevinehq/grapevine/internal/golden"
	"github.com/grapevinehq/grapevine/pipeline"
	"github.com/grapevinehq/grapevine/pipeline/event"
)

// The worked case: which updates are reported or dropped, and who the referrers
// of its clicks are, in batches of any size.
func TestStage_golden(t *testing.T) {
	events, err := golden.Events()
	if err != nil {
		t.Fatal(err)
	}
	books, err := golden.Books()
	if err != nil {
		t.Fatal(err)
	}
	for _, size := range []int{1, 7, 1000} {
		w := newWorld(t, 1)
		var records []event.Record
		for _, e := range events {
			if e.Topic == Topic {
				records = append(records, e.Record)
			}
		}
		redelivered := 0
		for batch := range slices.Chunk(records, size) {
			redelivered += counts(w.parts[0].batch(t, smooth, batch...))["redelivered"]
		}
		var got []string
		for _, d := range w.letters {
			got = append(got, fmt.Sprint(d.Original.Position.Offset, " ", d.Reason))
		}
		slices.Sort(got)
		if want := positions(books["dead_letters"]); !slices.Equal(got, want) {
			t.Errorf("batches of %d: letters %q, want %q", size, got, want)
		}
		if want := len(positions(books["redelivered"])); redelivered != want {
			t.Errorf("batches of %d: %d redelivered, want %d", size, redelivered, want)
		}
		referrers(t, NewDirectory(w, 50), events, books["clicks"])
	}
}

// positions are the rows about members, as "offset reason".
func positions(rows []golden.Row) (list []string) {
	for _, row := range rows {
		if row["topic"] == Topic {
			list = append(list, fmt.Sprint(row["offset"], " ", row["reason"]))
		}
	}
	slices.Sort(list)
	return list
}

// referrers compares the referrer of every stored click, and who was banned.
func referrers(t *testing.T, d *Directory, events []golden.Event, clicks []golden.Row) {
	t.Helper()
	stored := map[string]golden.Row{}
	for _, row := range clicks {
		stored[fmt.Sprint(row["offset"])] = row
	}
	byCode := 0
	for _, e := range events {
		row := stored[fmt.Sprint(e.Record.Offset)]
		if e.Topic != "referral.clicks" || row == nil {
			continue
		}
		var c event.Click
		if problems := event.DecodeClick(&e.Record, &c, event.DefaultLimits); problems != nil {
			t.Fatal(problems)
		}
		got, err := d.Referrers(context.Background(), pipeline.Progress{}, []ReferrerQuery{{c.OrgID, c.ReferrerID, c.ReferralCode, c.Time}})
		if err != nil {
			t.Fatal(err)
		}
		if c.ReferralCode != "" {
			byCode++
			if got[0].Owner != row["referrer_id"] {
				t.Errorf("click %d: %s is %q's, want %v", e.Record.Offset, c.ReferralCode, got[0].Owner, row["referrer_id"])
			}
		}
		if banned := row["verdict"] == "banned"; banned != got[0].Banned && row["verdict"] != "inactive" {
			t.Errorf("click %d: banned %v, want %v", e.Record.Offset, got[0].Banned, banned)
		}
	}
	if byCode == 0 {
		t.Error("no click names a code")
	}
}
