package offline_test

import (
	"fmt"
	"slices"
	"testing"

	"github.com/grapevinehq/grapevine/pipeline/event"
	"github.com/grapevinehq/grapevine/pipeline/offline"
)

const (
	clicksTopic      = "referral.clicks"
	conversionsTopic = "referral.conversions"
	membersTopic     = "referral.members"
	creditsTopic     = "referral.credits"
)

// start is the time of the events: 2026-11-02T12:00:00Z.
const start = 1793620800000

// shop pays 5 EUR for each sale, which wait a day for their approval.
const shop = `
version: 1
orgs:
  - id: acme
    budgets: [{id: pot, period: month, limit_minor: 500, currency: EUR}]
    programs:
      - id: shop
        versions:
          - valid_from: 2026-01-01T00:00:00Z
            currency: EUR
            rules:
              - {id: fee, type: per_conversion, kinds: [sale], hold: 24h, budget: pot, rewards: [{id: cash, to: referrer, type: cash, flat_minor: 500}]}
`

type fields map[string]any

// record is an event of the org acme, keyed by a field of its data.
func record(t testing.TB, of event.Type, id, key string, data fields) event.Record {
	t.Helper()
	program := "shop"
	if of == event.TypeMember {
		program = ""
	}
	value, err := event.EncodeEvent(event.Out{ID: id, Source: "test", Type: of, Time: start, OrgID: "acme", ProgramID: program}, data)
	if err != nil {
		t.Fatal(err)
	}
	at := fmt.Sprint(data[key])
	if of == event.TypeMember {
		at = "acme/" + at
	}
	return event.Record{Time: start, Key: []byte(at), Value: value}
}

func newShop(t testing.TB) *offline.Run {
	return offline.NewRun(offline.RunOptions{Options: offline.Options{Catalog: load(t, []byte(shop))}, Partitions: 2, Now: start})
}

func sale(t testing.TB, n int) event.Record {
	return record(t, event.TypeConversion, fmt.Sprint("s", n), "customer_id", fields{
		"kind": "sale", "customer_id": fmt.Sprint("customer", n), "coupon_code": "ANN", "amount_minor": 1000, "currency": "EUR",
	})
}

func ann(t testing.TB) event.Record {
	return record(t, event.TypeMember, "m1", "member_id", fields{"member_id": "ann", "coupon_codes": []string{"ANN"}})
}

// happened are the reward events, in order.
func happened(r *offline.Run) (list []string) {
	for _, row := range r.Rows("rewards") {
		list = append(list, fmt.Sprint(row["event_type"], " ", row["remaining_minor"]))
	}
	return list
}

func want[T comparable](t *testing.T, what string, got []T, want ...T) {
	t.Helper()
	if !slices.Equal(got, want) {
		t.Errorf("%s: %v, want %v", what, got, want)
	}
}

func TestStep_works_what_goes_before_first(t *testing.T) {
	r := newShop(t)
	r.ProduceTo(conversionsTopic, 0, sale(t, 1))
	r.ProduceTo(membersTopic, 1, ann(t))
	n, err := r.Step(t.Context(), conversionsTopic, 0, 1)
	if n != 1 || err != nil {
		t.Fatalf("%d records, %v", n, err)
	}
	row := r.Rows("conversions")[0]
	if row["verdict"] != "attributed" {
		t.Errorf("the conversion is %v: the member was not known", row["verdict"])
	}
	want(t, "members that were known", row["members_seen"].([]uint64), 0, 1)
	if n := r.Waiting(creditsTopic, 0) + r.Waiting(creditsTopic, 1); n != 2 {
		t.Errorf("%d records wait for the ledgers, not the member's update and the credit", n)
	}
}

func TestTick_does_what_is_due(t *testing.T) {
	r := newShop(t)
	r.Produce(membersTopic, ann(t))
	r.Produce(conversionsTopic, sale(t, 1))
	if err := r.Tick(t.Context(), start+24*3600_000-1); err != nil {
		t.Fatal(err)
	}
	want(t, "before the hold ends", happened(r), "earned 500")
	if err := r.Tick(t.Context(), start+24*3600_000); err != nil {
		t.Fatal(err)
	}
	want(t, "when it ends", happened(r), "earned 500", "approved 500")
}

// The two customers lie in two partitions, the budget is one.
func TestRun_shares_budgets_over_partitions(t *testing.T) {
	r := newShop(t)
	r.Produce(membersTopic, ann(t))
	for n := range 3 {
		r.ProduceTo(conversionsTopic, n%2, sale(t, n))
	}
	if err := r.Tick(t.Context(), start); err != nil {
		t.Fatal(err)
	}
	want(t, "of three that cost all that there is", happened(r), "earned 500", "held 0", "held 0")
	r.ProduceTo(conversionsTopic, 0, record(t, event.TypeAdjustment, "a", "customer_id", fields{"kind": "cancel", "conversion_id": "s0", "customer_id": "customer0"}))
	if err := r.Tick(t.Context(), start); err != nil {
		t.Fatal(err)
	}
	want(t, "when one is cancelled", happened(r), "earned 500", "held 0", "held 0", "reversed 0", "earned 500")
}

func TestRun_tells_dead_letters_and_counts(t *testing.T) {
	r := newShop(t)
	r.ProduceTo(clicksTopic, 1, event.Record{Key: []byte("v"), Value: []byte("{")})
	if err := r.Drain(t.Context()); err != nil {
		t.Fatal(err)
	}
	letters := r.Letters()
	if len(letters) != 1 || letters[0].Reason != "invalid" || letters[0].Position.Partition != 1 {
		t.Errorf("dead letters: %+v", letters)
	}
	if n := r.Count(event.TypeClick, "invalid"); n != 1 {
		t.Errorf("%d clicks are invalid, not 1", n)
	}
}
