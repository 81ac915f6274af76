package analytics

import (
	"testing"

	"github.com/grapevinehq/grapevine/internal/golden"
	"github.com/grapevinehq/grapevine/pipeline/backtest"
)

// The history of the worked case, as it stands in the tables, comes to the rewards
// that it led to.
func TestHistory_comes_to_what_was_paid(t *testing.T) {
	catalog, r := workedCase(t)
	b := opened(t)
	for _, table := range []string{
		"clicks", "members", "conversions", "attributions", "adjustments", "identity_links", "waiting_log", "fulfillments", "credits", "rewards", "segment_events",
	} {
		for _, w := range r.Blocks(table) {
			write(t, b, w.Bounds, w.Block)
		}
	}
	var told []backtest.Progress
	options := backtest.Options{
		History: b.History(), Catalog: catalog, Window: backtest.Always, Top: 1000, Now: golden.WrittenAt + 1000, Rows: 20,
		Told: func(p backtest.Progress) { told = append(told, p) },
	}
	report, err := backtest.Run(t.Context(), options)
	if err != nil {
		t.Fatal(err)
	}
	var rewards int64
	for _, l := range report.Rules {
		if l.Changed != 0 || l.Won != l.Paid || l.HeldWon != l.HeldPaid {
			t.Errorf("%+v", l)
		}
		rewards += l.RewardsPaid
	}
	if rewards < 30 || report.Conversions < 200 || report.Other != 0 || len(report.Refused) > 0 {
		t.Errorf("%d rewards, %d conversions, %d decided by others, refused %v", rewards, report.Conversions, report.Other, report.Refused)
	}
	if len(told) < 20 {
		t.Errorf("the history was read in %d pieces", len(told))
	}
}
