package backtest_test

import (
	"cmp"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"pgregory.net/rapid"

	"github.com/grapevinehq/grapevine/config"
	"github.com/grapevinehq/grapevine/pipeline/backtest"
	"github.com/grapevinehq/grapevine/pipeline/event"
	"github.com/grapevinehq/grapevine/pipeline/offline"
	"github.com/grapevinehq/grapevine/pipeline/program"
)

const (
	clicksTopic       = "referral.clicks"
	conversionsTopic  = "referral.conversions"
	membersTopic      = "referral.members"
	creditsTopic      = "referral.credits"
	fulfillmentsTopic = "referral.fulfillments"
)

var topics = []string{membersTopic, clicksTopic, conversionsTopic, creditsTopic, fulfillmentsTopic}

// start is the time of the first batch: 2026-11-02T12:00:00Z. Events are of the ten
// days before.
const (
	start = 1793620800000
	hour  = 3600_000
)

// shops has a rule of each kind, with limits and budgets that are soon used up.
const shops = `
version: 1
exchange_rates:
  - {from: USD, to: EUR, valid_from: 2025-01-01T00:00:00Z, rate: "0.875"}
  - {from: EUR, to: USD, valid_from: 2025-01-01T00:00:00Z, rate: "1.125"}
orgs:
  - id: acme
    budgets:
      - {id: pot, period: month, limit_minor: 250, currency: EUR}
      - {id: purse, period: year, limit_minor: 150, currency: USD}
    segments:
      - {id: staff}
      - {id: gold, when: 'member.attributes.plan == "gold"'}
    programs:
      - id: shop
        versions:
          - valid_from: 2026-01-01T00:00:00Z
            currency: EUR
            attribution: {model: position_based, window: 96h, order: [coupon, click, touch], shadow: [linear]}
            rules:
              - {id: steps, type: tiers, metric: revenue, tiers: [{id: one, threshold: 2000, rewards: [{id: cash, type: cash, amount_minor: 500}]}, {id: two, threshold: 5000, repeat_every: 3000, rewards: [{id: mug, type: custom, quantity: 1, unit: mug}]}]}
              - {id: share, type: per_conversion, kinds: [sale], except_segments: [staff], budget: pot, hold: 48h, rewards: [{id: part, to: referrer, type: cash, basis_points: 1000}]}
              - {id: first, type: per_conversion, first_only: true, limit: {period: month, count: 1}, rewards: [{id: get, to: referrer, type: credit, flat_minor: 300}, {id: give, to: referee, type: discount, flat_minor: 200}]}
      - id: club
        versions:
          - valid_from: 2026-01-01T00:00:00Z
            currency: EUR
            attribution: {model: linear, window: 120h, binding: none}
            rules:
              - {id: speed, type: per_conversion, period: month, budget: purse, rewards: [{id: part, to: referrer, type: cash, brackets: [{from_minor: 0, basis_points: 500}, {from_minor: 3000, basis_points: 1500}]}]}
              - {id: few, type: per_conversion, limit: {period: lifetime, amount_minor: 150}, rewards: [{id: part, to: referrer, type: cash, basis_points: 700}]}
              - {id: thanks, type: grant, segment: gold, rewards: [{id: gift, type: gift_card, amount_minor: 1000}]}
`

func load(t testing.TB, source string) *program.Catalog {
	t.Helper()
	path := filepath.Join(t.TempDir(), "programs.yaml")
	if err := os.WriteFile(path, []byte(source), 0o600); err != nil {
		t.Fatal(err)
	}
	catalog, err := config.LoadPrograms(path)
	if err != nil {
		t.Fatal(err)
	}
	return catalog
}

type fields map[string]any

// record is an event of the org acme, keyed by a field of its data.
func record(of event.Type, program, id, key string, ms int64, data fields) event.Record {
	value, err := event.EncodeEvent(event.Out{ID: id, Source: "test", Type: of, Time: ms, OrgID: "acme", ProgramID: program}, data)
	if err != nil {
		panic(err) // plain values
	}
	at := fmt.Sprint(data[key])
	if of == event.TypeMember {
		at = "acme/" + at
	}
	return event.Record{Time: start, Key: []byte(at), Value: value}
}

// produce draws an event of few members, customers, visitors and ids, so that they
// meet, and writes it.
func produce(t *rapid.T, r *offline.Run, n int) {
	pick := func(what string, n int) string { return fmt.Sprint(what, rapid.IntRange(0, n-1).Draw(t, what)) }
	id, program := fmt.Sprint("e", n), rapid.SampledFrom([]string{"shop", "shop", "club"}).Draw(t, "program")
	ms := start - rapid.Int64Range(0, 240).Draw(t, "hours")*hour + int64(n)
	customer := pick("customer", 5)
	switch rapid.IntRange(0, 11).Draw(t, "type") {
	case 0:
		member := rapid.IntRange(0, 3).Draw(t, "member")
		data := fields{"member_id": fmt.Sprint("m", member), "coupon_codes": []string{fmt.Sprint("CODE", member)}}
		if rapid.IntRange(0, 4).Draw(t, "banned") == 0 {
			data["status"] = "banned"
		}
		if rapid.IntRange(0, 3).Draw(t, "staff") == 0 {
			data["segments"] = []string{"staff"}
		}
		if rapid.Bool().Draw(t, "gold") {
			data["attributes"] = map[string]string{"plan": "gold"}
		}
		r.Produce(membersTopic, record(event.TypeMember, "", id, "member_id", ms, data))
	case 1, 2, 3:
		r.Produce(clicksTopic, record(event.TypeClick, program, id, "visitor_id", ms, fields{"referrer_id": pick("m", 4), "visitor_id": pick("v", 4), "link_id": id}))
	case 4:
		r.Produce(conversionsTopic, record(event.TypeIdentityLink, program, id, "customer_id", ms, fields{"customer_id": customer, "visitor_id": pick("v", 4)}))
	case 5, 6:
		data := fields{"customer_id": customer, "conversion_id": customer + pick("n", 6), "kind": rapid.SampledFrom([]string{"refund", "cancel", "correction"}).Draw(t, "kind")}
		if data["kind"] != "cancel" {
			data["amount_minor"] = rapid.Int64Range(1, 3000).Draw(t, "amount")
		}
		r.Produce(conversionsTopic, record(event.TypeAdjustment, program, id, "customer_id", ms, data))
	case 7:
		rewards := r.Rows("rewards")
		if len(rewards) == 0 {
			return
		}
		row := rapid.SampledFrom(rewards).Draw(t, "reward")
		r.Produce(fulfillmentsTopic, record(event.TypeDecided, text(row, "program_id"), id, "reward_id", ms, fields{
			"reward_id": row["reward_id"], "decision": rapid.SampledFrom([]string{"approve", "reject", "reverse"}).Draw(t, "decision"), "actor": "eve",
		}))
	default:
		data := fields{"customer_id": customer, "conversion_id": customer + pick("n", 6), "kind": rapid.SampledFrom([]string{"sale", "sale", "lead"}).Draw(t, "kind")}
		data["amount_minor"], data["currency"] = rapid.Int64Range(0, 4000).Draw(t, "amount"), rapid.SampledFrom([]string{"EUR", "USD"}).Draw(t, "currency")
		switch rapid.IntRange(0, 3).Draw(t, "by") {
		case 0:
			data["coupon_code"] = pick("CODE", 4)
		case 1:
			data["click_id"] = pick("e", n+1)
		default:
			data["visitor_id"] = pick("v", 4)
		}
		r.Produce(conversionsTopic, record(event.TypeConversion, program, id, "customer_id", ms, data))
	}
}

// drawHistory writes events to a run and works them in any order that the barriers
// leave, a batch each millisecond.
func drawHistory(t *rapid.T, catalog *program.Catalog) *recorded {
	partitions := rapid.IntRange(1, 4).Draw(t, "partitions")
	r := offline.NewRun(offline.RunOptions{Options: offline.Options{Catalog: catalog}, Partitions: partitions, Now: start})
	h := &recorded{Run: r, early: map[backtest.Origin]int64{}}
	for n := range rapid.IntRange(1, 80).Draw(t, "events") {
		produce(t, r, n)
		for range rapid.IntRange(0, 2).Draw(t, "steps") {
			r.Advance(r.Now() + 1)
			topic, partition := rapid.SampledFrom(topics).Draw(t, "topic"), rapid.IntRange(0, partitions-1).Draw(t, "partition")
			if _, err := r.Step(t.Context(), topic, partition, rapid.IntRange(1, 5).Draw(t, "most")); err != nil {
				t.Fatal(err)
			}
		}
	}
	for left := true; left; {
		left = false
		for _, topic := range topics {
			for partition := range partitions {
				r.Advance(r.Now() + 1)
				n, err := r.Step(t.Context(), topic, partition, 0)
				if err != nil {
					t.Fatal(err)
				}
				left = left || n > 0
			}
		}
	}
	if err := r.Tick(t.Context(), r.Now()+1); err != nil {
		t.Fatal(err)
	}
	h.readEarly(t)
	h.slow = rapid.SampledFrom([]int64{0, 0, 0, 7}).Draw(t, "slow")
	return h
}

// readEarly lets batches of conversions have been read before they were decided,
// each after the one before it, as happens where they wait for clicks and members.
func (h *recorded) readEarly(t *rapid.T) {
	var all []backtest.Origin
	for _, r := range slices.Concat(h.Rows("conversions"), h.Rows("identity_links"), h.Rows("adjustments"), h.Rows("waiting_log")) {
		if o := h.origin(r); text(r, "kafka_topic") == conversionsTopic {
			o.Offset = 0
			all = append(all, o)
		}
	}
	slices.SortFunc(all, func(a, b backtest.Origin) int {
		return cmp.Or(cmp.Compare(a.Partition, b.Partition), cmp.Compare(a.Batch, b.Batch))
	})
	last := backtest.Origin{Partition: -1}
	for _, o := range slices.Compact(all) {
		if o.Partition != last.Partition {
			last = backtest.Origin{Partition: o.Partition, At: start - 900}
		}
		early := rapid.Int64Range(0, o.At-last.At).Draw(t, "early")
		h.early[backtest.Origin{Incarnation: o.Incarnation, Partition: o.Partition, Batch: o.Batch}] = early
		o.At -= early
		last = o
	}
}

func run(t testing.TB, h *recorded, catalog *program.Catalog) *backtest.Report {
	t.Helper()
	report, err := backtest.Run(t.Context(), backtest.Options{History: h, Catalog: catalog, Window: backtest.Always, Top: 1000, Now: h.Now()})
	if err != nil {
		t.Fatal(err)
	}
	return report
}

// With the configuration that decided, all comes out as it was paid: whatever was
// late, refunded, decided by people or held back, in any number of partitions.
func TestRun_comes_to_what_was_paid(t *testing.T) {
	catalog := load(t, shops)
	seen := map[string]int{}
	rapid.Check(t, func(rt *rapid.T) {
		h := drawHistory(rt, catalog)
		report, err := backtest.Run(rt.Context(), backtest.Options{History: h, Catalog: catalog, Window: backtest.Always, Top: 1000, Now: h.Now()})
		if err != nil {
			rt.Fatal(err)
		}
		for _, l := range report.Rules {
			if l.Changed != 0 || l.Won != l.Paid || l.HeldWon != l.HeldPaid {
				rt.Errorf("%+v", l)
			}
			seen[l.RuleID] += int(l.RewardsPaid)
			if l.HeldPaid > 0 {
				seen["held by "+l.RuleID]++
			}
		}
	})
	for _, what := range []string{"steps", "share", "first", "speed", "few", "thanks", "held by share", "held by first", "held by speed", "held by few"} {
		if seen[what] == 0 {
			t.Errorf("no history had %s", what)
		}
	}
}

// told is a short history: ann brings two sales, of 10 EUR in October and of 30 EUR
// in November, and bob one of 20 EUR.
func told(t *testing.T, catalog *program.Catalog) *recorded {
	t.Helper()
	r := offline.NewRun(offline.RunOptions{Options: offline.Options{Catalog: catalog}, Now: start})
	for i, who := range []string{"ann", "bob"} {
		r.Produce(membersTopic, record(event.TypeMember, "", who, "member_id", start-5000*hour, fields{"member_id": who, "coupon_codes": []string{fmt.Sprint("CODE", i)}}))
	}
	sale := func(n int, at int64, code string, amount int64) {
		r.Produce(conversionsTopic, record(event.TypeConversion, "shop", fmt.Sprint("s", n), "customer_id", at, fields{
			"kind": "sale", "customer_id": fmt.Sprint("c", n), "coupon_code": code, "amount_minor": amount, "currency": "EUR",
		}))
	}
	sale(1, start-200*hour, "CODE0", 1000)
	sale(2, start-2*hour, "CODE0", 3000)
	sale(3, start-hour, "CODE1", 2000)
	if err := r.Tick(t.Context(), start+1); err != nil {
		t.Fatal(err)
	}
	return &recorded{Run: r}
}

// paying is a program that pays by one rule.
func paying(rule string) string {
	return `
version: 1
orgs:
  - id: acme
    budgets: [{id: pot, period: month, limit_minor: 300, currency: EUR}]
    programs:
      - id: shop
        versions:
          - {valid_from: 2026-01-01T00:00:00Z, currency: EUR, rules: [` + rule + `]}
`
}

const (
	tenth = "{id: tenth, type: per_conversion, kinds: [sale], rewards: [{id: part, to: referrer, type: cash, basis_points: 1000}]}"
	fee   = "{id: fee, type: per_conversion, kinds: [sale], budget: pot, rewards: [{id: part, to: referrer, type: cash, flat_minor: 250}]}"
	mugs  = "{id: tenth, type: tiers, metric: conversions, tiers: [{id: two, threshold: 2, rewards: [{id: mug, type: custom, quantity: 1, unit: mug}]}]}"
)

func TestRun_tells_what_another_rule_would_have_cost(t *testing.T) {
	h := told(t, load(t, paying(tenth)))
	for _, of := range []struct {
		name, rule string
		window     backtest.Window
		want       []string
	}{
		{"the same", tenth, backtest.Always, []string{"tenth EUR: 3 and 3 rewards, 600 and 600, held 0 and 0, 0 changed", "ann EUR 400 400", "bob EUR 200 200"}},
		{"a flat fee of a small budget", fee, backtest.Always, []string{
			"fee EUR: 2 and 0 rewards, 500 and 0, held 250 and 0, 2 changed", "tenth EUR: 0 and 3 rewards, 0 and 600, held 0 and 0, 3 changed",
			"ann EUR 250 400", "bob EUR 250 200",
		}},
		{"mugs instead of money", mugs, backtest.Always, []string{
			"tenth EUR: 0 and 3 rewards, 0 and 600, held 0 and 0, 3 changed", "tenth mug: 1 and 0 rewards, 1 and 0, held 0 and 0, 1 changed",
			"ann EUR 0 400", "bob EUR 0 200", "ann mug 1 0",
		}},
		{"the same, of November alone", tenth, backtest.Window{From: start - 100*hour, To: start}, []string{
			"tenth EUR: 2 and 2 rewards, 500 and 500, held 0 and 0, 0 changed", "ann EUR 300 300", "bob EUR 200 200",
		}},
		// The first of the two sales lies before the window, and counts.
		{"mugs, of November alone", mugs, backtest.Window{From: start - 100*hour, To: start}, []string{
			"tenth EUR: 0 and 2 rewards, 0 and 500, held 0 and 0, 2 changed", "tenth mug: 1 and 0 rewards, 1 and 0, held 0 and 0, 1 changed",
			"ann EUR 0 300", "bob EUR 0 200", "ann mug 1 0",
		}},
	} {
		report, err := backtest.Run(t.Context(), backtest.Options{History: h, Catalog: load(t, paying(of.rule)), Window: of.window, Top: 10, Now: h.Now()})
		if err != nil {
			t.Fatal(err)
		}
		if got := lines(report); !slices.Equal(got, of.want) {
			t.Errorf("%s:\n%q\nwant\n%q", of.name, got, of.want)
		}
	}
}

func lines(report *backtest.Report) (list []string) {
	for _, l := range report.Rules {
		list = append(list, fmt.Sprintf("%s %s%s: %d and %d rewards, %d and %d, held %d and %d, %d changed",
			l.RuleID, l.Currency, l.Unit, l.RewardsWon, l.RewardsPaid, l.Won, l.Paid, l.HeldWon, l.HeldPaid, l.Changed))
	}
	for _, l := range report.People {
		list = append(list, fmt.Sprintf("%s %s%s %d %d", l.BeneficiaryID, l.Currency, l.Unit, l.Won, l.Paid))
	}
	return list
}

func TestRun_tells_what_the_configuration_does_not_know(t *testing.T) {
	h := told(t, load(t, paying(tenth)))
	other := load(t, `
version: 1
orgs:
  - id: acme
    programs: [{id: other, versions: [{valid_from: 2026-01-01T00:00:00Z, currency: EUR}]}]
`)
	report := run(t, h, other)
	if report.Refused["unknown_program"] != 3 || report.Conversions != 3 || report.Other != 3 {
		t.Errorf("refused %v of %d conversions, %d decided by others", report.Refused, report.Conversions, report.Other)
	}
	if got := lines(report); len(got) != 3 || got[0] != "tenth EUR: 0 and 3 rewards, 0 and 600, held 0 and 0, 3 changed" {
		t.Errorf("%q", got)
	}
	stranger := load(t, "{version: 1, orgs: [{id: globex, programs: [{id: p, versions: [{valid_from: 2026-01-01T00:00:00Z, currency: EUR}]}]}]}")
	if got := lines(run(t, h, stranger)); len(got) != 3 {
		t.Errorf("of an org that is not in the configuration: %q", got)
	}
}

func TestRun_tells_of_one_program_and_of_so_many_people(t *testing.T) {
	catalog := load(t, paying(tenth))
	h := told(t, catalog)
	options := backtest.Options{History: h, Catalog: catalog, Org: "acme", Program: "shop", Window: backtest.Always, Top: 1, Now: h.Now()}
	report, err := backtest.Run(t.Context(), options)
	if err != nil {
		t.Fatal(err)
	}
	if got := lines(report); len(got) != 2 || got[1] != "ann EUR 400 400" {
		t.Errorf("%q", got)
	}
	options.Program = "none"
	if report, err = backtest.Run(t.Context(), options); err != nil || len(report.Rules)+len(report.People) > 0 {
		t.Errorf("%+v %v", report, err)
	}
}
