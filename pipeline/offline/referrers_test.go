package offline_test

import (
	"fmt"
	"os"
	"runtime"
	"strconv"
	"testing"
	"time"

	"github.com/grapevinehq/grapevine/pipeline/event"
	"github.com/grapevinehq/grapevine/pipeline/money"
	"github.com/grapevinehq/grapevine/pipeline/offline"
)

// crowd splits 500.03 EUR and a tenth over all whose links a visitor followed.
const crowd = `
version: 1
orgs:
  - id: acme
    programs:
      - id: shop
        versions:
          - valid_from: 2026-01-01T00:00:00Z
            currency: EUR
            attribution: {model: %s, half_life: 24h, shadow: [linear, time_decay, position_based]}
            rules:
              - {id: fee, type: per_conversion, kinds: [sale], rewards: [{id: cash, to: referrer, type: cash, flat_minor: 50003}]}
              - {id: part, type: per_conversion, kinds: [sale], rewards: [{id: cut, to: referrer, type: cash, basis_points: 1000}]}
`

// A hostile site can make one visitor follow any number of links. What rewards are
// told of each of so many referrers must not grow with their number: for these 20,000
// it would be more than a gigabyte of messages, and three of rows.
func TestRun_of_a_conversion_with_very_many_referrers(t *testing.T) {
	const amount = 1_234_567
	for model, referrers := range map[string]int{"linear": 20_000, "time_decay": 3000} {
		if many := os.Getenv("REFERRERS"); many != "" {
			referrers, _ = strconv.Atoi(many)
		}
		t.Run(model, func(t *testing.T) {
			r := offline.NewRun(offline.RunOptions{Options: offline.Options{Catalog: load(t, fmt.Appendf(nil, crowd, model))}, Partitions: 2, Now: start})
			for i := range referrers {
				r.Produce(clicksTopic, clickAt(t, i, start-int64(referrers-i)*20_000))
			}
			if err := r.Drain(t.Context()); err != nil {
				t.Fatal(err)
			}
			began, before := time.Now(), allocated()
			r.Produce(conversionsTopic, record(t, event.TypeConversion, "sale", "customer_id", fields{
				"kind": "sale", "customer_id": "carl", "visitor_id": "victor", "amount_minor": amount, "currency": "EUR",
			}))
			if err := r.Drain(t.Context()); err != nil {
				t.Fatal(err)
			}
			took, memory := time.Since(began), allocated()-before
			credits, bytes := creditsOf(t, r)
			t.Logf("%d credits of %d bytes took %v, and %d MiB were allocated", len(credits), bytes/len(credits), took, memory>>20)
			if most := len(credits) * 8 << 10; bytes > most {
				t.Errorf("%d credits take %d bytes: more than 8 KiB each", len(credits), bytes)
			}
			checkSplit(t, r, credits, amount)
		})
	}
}

func clickAt(t *testing.T, i int, at int64) event.Record {
	t.Helper()
	value, err := event.EncodeEvent(event.Out{ID: fmt.Sprint("k", i), Source: "test", Type: event.TypeClick, Time: at, OrgID: "acme", ProgramID: "shop"},
		fields{"visitor_id": "victor", "referrer_id": fmt.Sprintf("member-%05d", i), "link_id": fmt.Sprint("l", i)})
	if err != nil {
		t.Fatal(err)
	}
	return event.Record{Time: start, Key: []byte("victor"), Value: value}
}

func allocated() uint64 {
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.TotalAlloc
}

// creditsOf are all credits, in the order of ties, and the bytes of all messages.
func creditsOf(t *testing.T, r *offline.Run) (list []event.Credit, bytes int) {
	t.Helper()
	for _, m := range r.Messages(creditsTopic) {
		var in event.Inbound
		if problems := event.DecodeCredits(&event.Record{Time: start, Key: m.Key, Value: m.Value}, &in); problems != nil {
			t.Fatal(problems)
		}
		if in.Credit.Index != len(list) {
			t.Fatalf("credit %d stands at %d", len(list), in.Credit.Index)
		}
		list, bytes = append(list, in.Credit), bytes+len(m.Value)
	}
	return list, bytes
}

// checkSplit compares every reward with a split over all shares.
func checkSplit(t *testing.T, r *offline.Run, credits []event.Credit, amount int64) {
	t.Helper()
	shares := make([]int64, len(credits))
	for i := range credits {
		shares[i] = credits[i].CreditPPM
	}
	want, parts := map[string]int64{}, money.Split(amount, shares)
	for i, part := range money.Split(50_003, shares) {
		want["fee "+credits[i].BeneficiaryID] = part
		want["part "+credits[i].BeneficiaryID] = money.BasisPoints(parts[i], 1000)
	}
	for _, row := range r.Rows("rewards") {
		of := fmt.Sprint(row["rule_id"], " ", row["beneficiary_id"])
		if row["amount_minor"] != want[of] {
			t.Errorf("%s gets %v, not %d", of, row["amount_minor"], want[of])
		}
		delete(want, of)
	}
	for of, part := range want {
		if part != 0 {
			t.Errorf("%s gets nothing of %d", of, part)
		}
	}
	for _, row := range r.Rows("credits") {
		if place := row["share_index"].(int64); row["credited_minor"] != parts[place] {
			t.Errorf("credit %d is %v in the books, not %d", place, row["credited_minor"], parts[place])
		}
	}
}
