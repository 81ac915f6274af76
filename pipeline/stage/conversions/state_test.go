package conversions

import (
	"errors"
	"math"
	"testing"

	"pgregory.net/rapid"

	"github.com/grapevinehq/grapevine/pipeline/event"
	"github.com/grapevinehq/grapevine/pipeline/money"
)

func adjustmentOf(kind event.AdjustmentKind, amount ...int64) *event.Adjustment {
	a := &event.Adjustment{Kind: kind}
	if len(amount) > 0 {
		a.HasAmount, a.AmountMinor = true, amount[0]
	}
	return a
}

func TestAdjust_sequences(t *testing.T) {
	type step struct {
		a      *event.Adjustment
		minor  int64
		counts bool
	}
	for name, c := range map[string]struct {
		net   int64
		steps []step
	}{
		"partial refund, then the rest": {100, []step{{adjustmentOf(event.Refund, 30), -30, true}, {adjustmentOf(event.Refund), -70, false}}},
		"never more than is left":       {100, []step{{adjustmentOf(event.Chargeback, 500), -100, false}, {adjustmentOf(event.Refund, 1), 0, false}}},
		"used up and corrected":         {100, []step{{adjustmentOf(event.Refund), -100, false}, {adjustmentOf(event.Correction, 40), 40, true}}},
		"correction stops at nothing":   {100, []step{{adjustmentOf(event.Correction, -500), -100, false}, {adjustmentOf(event.Correction, -1), 0, false}}},
		"cancel is for good":            {100, []step{{adjustmentOf(event.Cancel), -100, false}, {adjustmentOf(event.Correction, 50), 0, false}, {adjustmentOf(event.Refund, 5), 0, false}}},
		"a refund of nothing":           {0, []step{{adjustmentOf(event.Refund), 0, true}, {adjustmentOf(event.Refund, 5), 0, true}}},
		"nothing corrected upwards":     {0, []step{{adjustmentOf(event.Correction, 50), 50, true}, {adjustmentOf(event.Refund), -50, false}}},
		"a lead is cancelled":           {0, []step{{adjustmentOf(event.Cancel), 0, false}, {adjustmentOf(event.Cancel), 0, false}}},
	} {
		kept := conversion{Rate: money.Same("EUR"), Currency: "EUR", Net: c.net, Amount: c.net, NetMinor: c.net, Counts: true}
		for i, s := range c.steps {
			moved, err := kept.adjust(s.a)
			if err != nil || moved.Minor != s.minor || moved.Counts != s.counts || kept.Applied != int64(i+1) {
				t.Errorf("%s, step %d: %+v, %v, applied %d; want %d, %v", name, i, moved, err, kept.Applied, s.minor, s.counts)
			}
		}
	}
}

func TestAdjust_refuses_what_has_no_rate_or_no_room(t *testing.T) {
	noRate := conversion{Rate: money.Rate{From: "GBP", To: "EUR"}, Currency: "EUR", Counts: true}
	before := noRate
	if _, err := noRate.adjust(adjustmentOf(event.Correction, 5)); !errors.Is(err, money.ErrNoRate) || noRate.Applied != before.Applied || noRate.Net != 0 {
		t.Errorf("corrected without a rate: %v, %+v", err, noRate)
	}
	full := conversion{Rate: money.Same("EUR"), Net: math.MaxInt64, Counts: true}
	if _, err := full.adjust(adjustmentOf(event.Correction, 1)); !errors.Is(err, money.ErrOverflow) {
		t.Errorf("corrected beyond int64: %v", err)
	}
	if moved, err := full.adjust(adjustmentOf(event.Correction, math.MinInt64)); err != nil || moved.Counts {
		t.Errorf("the greatest correction downwards: %+v, %v", moved, err)
	}
}

func TestAdjust_changes_add_up_to_the_net(t *testing.T) {
	kinds := rapid.SampledFrom([]event.AdjustmentKind{event.Refund, event.Chargeback, event.Correction, event.Correction, event.Cancel})
	rapid.Check(t, func(t *rapid.T) {
		rate := money.Rate{From: "EUR", To: "JPY", Numerator: rapid.Int64Range(1, 1e6).Draw(t, "rate"), Denominator: 1000}
		c := conversion{Rate: rate, Currency: "JPY", Net: rapid.Int64Range(0, 1e9).Draw(t, "net"), Counts: true}
		c.NetMinor, _ = rate.Convert(c.Net)
		c.Amount = c.NetMinor
		sum, cancelled := c.Amount, false
		for range rapid.IntRange(0, 12).Draw(t, "adjustments") {
			a := adjustmentOf(kinds.Draw(t, "kind"))
			switch a.Kind {
			case event.Correction:
				a.HasAmount, a.AmountMinor = true, rapid.Int64Range(-1e9, 1e9).Draw(t, "correction")
			case event.Refund, event.Chargeback:
				if a.HasAmount = rapid.Bool().Draw(t, "has amount"); a.HasAmount {
					a.AmountMinor = rapid.Int64Range(1, 1e9).Draw(t, "amount")
				}
			}
			cancelled = cancelled || a.Kind == event.Cancel
			moved, err := c.adjust(a)
			if err != nil {
				t.Fatal(err)
			}
			sum += moved.Minor
			net, _ := rate.Convert(c.Net)
			if c.Net < 0 || sum != c.NetMinor || net != c.NetMinor {
				t.Fatalf("after %+v: net %d, %d in the program's currency, changes add up to %d", a, c.Net, c.NetMinor, sum)
			}
			if cancelled && (c.Counts || c.Net != 0) || c.Net > 0 && !c.Counts {
				t.Fatalf("after %+v: net %d, counts %v, cancelled %v", a, c.Net, c.Counts, cancelled)
			}
		}
	})
}
