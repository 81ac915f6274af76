package analytics

import (
	"testing"
	"time"
)

func TestReports_read_every_view(t *testing.T) {
	b := opened(t)
	write(t, b, batch(1, 0, 48), clickBlock(t, b, 0, 48))
	write(t, b, batch(2, 0, 1), block(t, b, "rewards", 1, values{
		"org_id": []string{"acme"}, "program_id": []string{"p1"}, "reward_id": []string{"r"}, "event_type": []string{"earned"}, "status": []string{"approved"},
		"beneficiary_id": []string{"m1"}, "beneficiary_role": []string{"referrer"}, "currency": []string{"EUR"}, "sequence": []int64{1},
		"amount_minor": []int64{7}, "remaining_minor": []int64{7},
	}))
	days, err := b.Daily(t.Context(), "acme", "p1", time.Unix(0, 0).UTC(), time.Unix(86400, 0).UTC())
	if err != nil || len(days) != 2 || days[0].Clicks != 12 || days[0].UniqueClicks != 6 || days[0].ConversionRate == nil || days[0].ROI != nil {
		t.Errorf("daily: %+v, %v", days, err)
	}
	totals, err := b.Totals(t.Context(), "acme", "")
	if err != nil || len(totals) != 2 || totals[0].Clicks != 24 || totals[1].RewardCostMinor != 7 {
		t.Errorf("totals: %+v, %v", totals, err)
	}
	leaders, err := b.Leaders(t.Context(), "", "p1", 2)
	if err != nil || len(leaders) != 2 || leaders[0].UniqueClicks == 0 {
		t.Errorf("leaders: %+v, %v", leaders, err)
	}
	balances, err := b.Balances(t.Context(), "acme", "p1", 10)
	if err != nil || len(balances) != 1 || balances[0].Net != 7 || balances[0].Approved != 7 {
		t.Errorf("balances: %+v, %v", balances, err)
	}
	clicks, letters, err := b.Verdicts(t.Context())
	if err != nil || len(clicks) != 2 || clicks[0] != (Count{"unique", 36}) || len(letters) != 0 {
		t.Errorf("verdicts: %v, %v, %v", clicks, letters, err)
	}
	if err := b.Ping(t.Context()); err != nil {
		t.Error(err)
	}
}
