package credits

import (
	"encoding/json"
	"fmt"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/grapevinehq/grapevine/internal/golden"
	"github.com/grapevinehq/grapevine/pipeline"
	"github.com/grapevinehq/grapevine/pipeline/event"
	"github.com/grapevinehq/grapevine/pipeline/program"
	"github.com/grapevinehq/grapevine/pipeline/reward"
)

// The worked case gives the same rewards whatever the batches, and every credit
// is repeated once, later.
func TestStage_worked_case(t *testing.T) {
	books, err := golden.Books()
	succeed(t, err)
	for _, size := range []int{1, 7, 1000} {
		t.Run(fmt.Sprint("batches of ", size), func(t *testing.T) {
			w := newWorld(t, goldenCatalog(t))
			credits := goldenCredits(t)
			records := recordsOf(t, append(slices.Clone(credits), credits...))
			for batch := range slices.Chunk(records, size) {
				w.work(batch)
			}
			if w.counts["taken"] != len(credits) || w.counts["redelivered"] != len(credits) || len(w.rows[TableCredits]) != len(credits) {
				t.Errorf("of %d credits, each twice: %v, %d rows", len(credits), w.counts, len(w.rows[TableCredits]))
			}
			compareNets(t, w, books["rewards"])
		})
	}
}

// compareNets holds the rows of rewards against what the case tells: the net by
// id, of tiers by tier and period, of brackets by period.
func compareNets(t *testing.T, w *world, wanted []golden.Row) {
	t.Helper()
	got := map[string]int64{}
	for _, row := range w.rows[TableRewards] {
		id := row["reward_id"]
		if row["tier_id"] != "" || row["rule_id"] == "accelerator" {
			id = ""
		}
		key := fmt.Sprint(row["org_id"], row["program_id"], row["rule_id"], row["reward"], row["beneficiary_id"], row["beneficiary_role"], id, row["tier_id"], row["period"])
		amount := row["amount_minor"].(int64) + row["quantity"].(int64)
		switch row["event_type"] {
		case "reversed":
			got[key] -= amount
		case "earned", "increased":
			got[key] += amount
		}
	}
	for _, row := range wanted {
		key := fmt.Sprint(row["org"], row["program"], row["rule"], row["reward"], row["beneficiary"], row["role"], row["reward_id"], row["tier"], row["period"])
		net, err := row["net"].(json.Number).Int64()
		succeed(t, err)
		if got[key] != net {
			t.Errorf("%s: net %d, want %d", key, got[key], net)
		}
		delete(got, key)
	}
	for key, net := range got {
		if net != 0 {
			t.Errorf("%s: net %d, want nothing", key, net)
		}
	}
}

// What is due comes with the batch that finds it so: here nothing is.
func TestStage_batches_of_any_size_publish_the_same_messages(t *testing.T) {
	publish := func(size int) []pipeline.Message {
		w := newWorld(t, goldenCatalog(t))
		w.bounds.Time = 1
		for batch := range slices.Chunk(recordsOf(t, goldenCredits(t)), size) {
			w.work(batch)
		}
		return w.messages
	}
	if one, all := publish(1), publish(1000); !reflect.DeepEqual(one, all) {
		t.Error("batches of one and of a thousand publish different messages")
	}
}

func TestStage_reads_a_batch_in_one_call(t *testing.T) {
	w := newWorld(t, catalogOf(flatRule()))
	var credits []event.Credit
	for i := range 50 {
		credits = append(credits, credit(fmt.Sprint("c", i), fmt.Sprint("m", i%7), "r"))
	}
	w.work(recordsOf(t, credits))
	if w.gets != 1 {
		t.Errorf("%d calls", w.gets)
	}
}

func TestStage_message_is_the_contracts_event(t *testing.T) {
	rule := flatRule()
	rule.Period, rule.Hold = program.Quarter, 24*time.Hour
	rule.Name, rule.Message = map[string]string{"en": "<Thanks & more>"}, map[string]string{"en": "{{amount}} {{currency}}"}
	w := newWorld(t, catalogOf(rule))
	w.work([]event.Record{recordOf(t, 7, credit("c/1", "ann", "r"))})
	m := w.messages[0]
	id := reward.ConversionID("o", "p", "r", "get", "c/1", "ann")
	want := `{"specversion":"1.0","id":"` + id + `/earned/1","source":"grapevine/o/p","type":"referral.reward.earned.v1",` +
		`"time":"2026-01-01T00:00:05.000Z","orgid":"o","programid":"p","datacontenttype":"application/json","data":{` +
		`"reward_id":"` + id + `","rule_id":"r","reward":"get","rule_version":"2020-01-01T00:00:00Z","period":"2026-Q1",` +
		`"beneficiary_id":"ann","beneficiary_role":"referrer","reward_type":"cash","amount_minor":1000,"currency":"USD",` +
		`"remaining_minor":1000,"conversion_id":"c/1","status":"pending","available_at":"2026-01-02T00:00:00.000Z",` +
		`"name":"<Thanks & more>","message":"10.00 USD"}}`
	if string(m.Value) != want {
		t.Errorf("got  %s\nwant %s", m.Value, want)
	}
	if m.Topic != "referral.rewards" || string(m.Key) != "o/ann" || len(m.Headers) != 1 || m.Headers[0].Key != "content-type" ||
		!strings.HasPrefix(string(m.Headers[0].Value), "application/cloudevents+json") {
		t.Errorf("topic %s, key %s, headers %v", m.Topic, m.Key, m.Headers)
	}
}

func TestStage_message_of_a_quantity_has_no_money_and_tells_zero_remaining(t *testing.T) {
	rule := &program.Rule{ID: "r", Type: program.Tiers, Metric: program.Conversions, Period: program.Lifetime, Tiers: []program.Tier{
		{ID: "bronze", Threshold: 1, Rewards: []program.Reward{{ID: "get", Type: "points", Quantity: 5, Unit: "points"}}},
	}}
	w := newWorld(t, catalogOf(rule))
	first := credit("c", "ann", "r")
	second := first
	second.Sequence, second.Counts, second.NetMinor = 1, false, 0
	w.work(recordsOf(t, []event.Credit{first, second}))
	var e struct {
		ID   string
		Data map[string]any
	}
	succeed(t, json.Unmarshal(w.messages[1].Value, &e))
	want := map[string]any{
		"reward_id": reward.TierID("o", "p", "r", "bronze", "get", "lifetime", "ann", 1), "rule_id": "r", "reward": "get",
		"rule_version": "2020-01-01T00:00:00Z", "tier_id": "bronze", "occurrence": 1.0, "period": "lifetime",
		"beneficiary_id": "ann", "beneficiary_role": "referrer", "reward_type": "points", "quantity": 5.0, "unit": "points",
		"remaining_quantity": 0.0, "conversion_id": "c", "status": "reversed", "available_at": "2026-01-01T00:00:00.000Z",
		"reason": "metric fell below the tier",
	}
	if !reflect.DeepEqual(e.Data, want) {
		t.Errorf("got  %v\nwant %v", e.Data, want)
	}
	if !strings.HasSuffix(e.ID, "/reversed/2") {
		t.Errorf("id %s", e.ID)
	}
}

func TestStage_rows(t *testing.T) {
	w := newWorld(t, catalogOf(flatRule()))
	earns, idle := credit("c1", "ann", "r"), credit("c2", "bob")
	idle.Shares, idle.Peers, idle.CreditPPM, idle.Index = nil, []int64{50, 20_000, 17}, 50, 17
	w.work([]event.Record{recordOf(t, 7, earns), recordOf(t, 9, idle)})
	if n := len(w.rows[TableCredits]); n != 2 {
		t.Fatalf("%d rows of credits: those that earn nothing are kept too", n)
	}
	wantCredit := map[string]any{
		"org_id": "o", "program_id": "p", "time": earns.ConversionTime, "event_id": "c1/0/referrer/ann", "source": "grapevine/o/p",
		"kafka_topic": "x.referral.credits", "kafka_partition": int32(3), "kafka_offset": int64(7),
		"conversion_id": "c1", "beneficiary_id": "ann", "role": "referrer", "customer_id": "cust", "kind": "sale", "name": "", "locale": "de",
		"currency": "USD", "sequence": int64(0), "conversion_time": earns.ConversionTime, "decided_at": earns.DecidedAt,
		"amount_minor": int64(500), "net_minor": int64(500), "credit_ppm": int64(1_000_000), "share_index": int64(0), "credited_minor": int64(500),
		"counts": uint8(1), "shares": []int64{1_000_000}, "peers": []int64(nil), "rules": []string{"r"},
	}
	if got := w.rows[TableCredits][1]["peers"]; !reflect.DeepEqual(got, idle.Peers) {
		t.Errorf("peers %v of one of very many referrers", got)
	}
	if got := w.rows[TableCredits][0]; !reflect.DeepEqual(got, wantCredit) {
		t.Errorf("credit\ngot  %v\nwant %v", got, wantCredit)
	}
	id := reward.ConversionID("o", "p", "r", "get", "c1", "ann")
	wantReward := map[string]any{
		"org_id": "o", "program_id": "p", "time": earns.DecidedAt, "event_id": id + "/earned/1", "source": "grapevine/o/p",
		"kafka_topic": "x.referral.credits", "kafka_partition": int32(3), "kafka_offset": int64(7),
		"reward_id": id, "sequence": int64(1), "event_type": "earned", "status": "approved", "rule_id": "r", "rule_version": "2020-01-01T00:00:00Z",
		"reward": "get", "tier_id": "", "period": "lifetime", "occurrence": int64(0), "beneficiary_id": "ann", "beneficiary_role": "referrer",
		"reward_type": "cash", "amount_minor": int64(1000), "currency": "USD", "quantity": int64(0), "unit": "",
		"remaining_minor": int64(1000), "remaining_quantity": int64(0), "conversion_id": "c1", "conversion_time": earns.ConversionTime,
		"budget_id": "", "available_at": earns.ConversionTime, "reason": "", "day": int32(20_454), "withheld": int64(0),
		"drawn_minor": int64(0), "drawn_currency": "", "drawn_period": "",
	}
	if got := w.rows[TableRewards]; len(got) != 1 || !reflect.DeepEqual(got[0], wantReward) {
		t.Errorf("reward\ngot  %v\nwant %v", got, wantReward)
	}
	if _, err := uuid.Parse(id); err != nil {
		t.Error(err)
	}
}

func TestStage_old_credits_that_the_memory_does_not_know_are_looked_up_before_they_pay(t *testing.T) {
	w := newWorld(t, catalogOf(flatRule()))
	old := func(conversion string) event.Credit {
		c := credit(conversion, "ann", "r")
		c.DecidedAt = golden.WrittenAt - 25*3600*1000
		return c
	}
	known, unknown, recent := old("known"), old("unknown"), credit("recent", "ann", "r")
	w.inBook[event.CreditID(&known)] = true
	w.inBook[event.CreditID(&recent)] = true // not asked: the memory knows what is recent
	w.work(recordsOf(t, []event.Credit{known, unknown, recent}))
	if want := []string{event.CreditID(&known), event.CreditID(&unknown)}; !slices.Equal(w.asked, want) {
		t.Errorf("asked for %v, want %v", w.asked, want)
	}
	if len(w.messages) != 2 || w.counts["redelivered"] != 1 {
		t.Errorf("%d rewards, %v", len(w.messages), w.counts)
	}
	w.asked = nil
	adjusted := old("unknown")
	adjusted.Sequence, adjusted.Counts = 1, false
	w.work(recordsOf(t, []event.Credit{adjusted}))
	if w.asked != nil || len(w.messages) != 3 {
		t.Errorf("a conversion that the memory knows: asked for %v, %d rewards in all", w.asked, len(w.messages))
	}
}

func TestStage_what_is_no_credit_is_a_dead_letter_and_stops_nobody(t *testing.T) {
	w := newWorld(t, catalogOf(flatRule()))
	records := recordsOf(t, []event.Credit{credit("a", "ann", "r"), credit("b", "ann", "r"), credit("c", "ann", "r")})
	records[1].Value = []byte(`{"specversion":"1.0"`)
	w.work(records)
	if len(w.letters) != 1 || w.letters[0].Index != 1 || w.letters[0].Reason != "invalid" || w.letters[0].Detail == "" {
		t.Errorf("letters %+v", w.letters)
	}
	if len(w.messages) != 2 || len(w.rows[TableCredits]) != 2 || w.counts["invalid"] != 1 {
		t.Errorf("%d messages, %d rows, %v", len(w.messages), len(w.rows[TableCredits]), w.counts)
	}
}

func TestStage_refuses_a_record_that_is_not_of_the_batch(t *testing.T) {
	w := newWorld(t, catalogOf(flatRule()))
	batch := w.decode(recordsOf(t, []event.Credit{credit("a", "ann", "r")}))
	two := record{Verdicts: []byte{verdictTaken, verdictTaken}}
	stray := record{Verdicts: []byte{verdictTaken}, Rewards: []happened{{Index: 1}}}
	passed := record{Verdicts: []byte{verdictTaken}, Passages: []passage{{Index: 1}}}
	for name, r := range map[string]record{"another number of records": two, "an event of no record": stray, "a passage of no record": passed} {
		data, err := r.encode()
		succeed(t, err)
		if err := batch.TakeRecord(data); err == nil {
			t.Errorf("%s was taken", name)
		}
	}
	for name, data := range map[string][]byte{"empty": nil, "of another version": {9}, "torn": {recordFormat, 0xa1}} {
		if err := batch.TakeRecord(data); err == nil {
			t.Errorf("a record that is %s was taken", name)
		}
	}
}

func FuzzTakeRecord(f *testing.F) {
	r := record{Verdicts: []byte{verdictTaken}, Rewards: []happened{{Event: reward.Event{RewardID: "x"}, Value: []byte("{}")}}}
	data, err := r.encode()
	if err != nil {
		f.Fatal(err)
	}
	f.Add(data)
	f.Fuzz(func(t *testing.T, data []byte) {
		b := &work{worker: &worker{}, inputs: make([]input, 1), records: make([]event.Record, 1)}
		if b.TakeRecord(data) != nil {
			return
		}
		if _, err := b.Outcome(t.Context()); err != nil {
			t.Fatal(err)
		}
	})
}

func flatRule() *program.Rule {
	return &program.Rule{ID: "r", Type: program.PerConversion, Period: program.Lifetime, Rewards: []program.Reward{
		{ID: "get", To: program.ToReferrer, Type: "cash", AmountMinor: 1000},
	}}
}

// catalogOf has org o with program p, valid since 2020 in UTC.
func catalogOf(rules ...*program.Rule) *program.Catalog {
	p := &program.Program{OrgID: "o", ID: "p", Versions: []*program.Version{{
		ValidFrom: 1577836800000, ValidFromRaw: "2020-01-01T00:00:00Z", Currency: "USD", Locale: "en", Zone: time.UTC, Rules: rules,
	}}}
	return &program.Catalog{Orgs: map[string]*program.Org{"o": {ID: "o", Programs: map[string]*program.Program{"p": p}}}}
}

func credit(conversion, beneficiary string, rules ...string) event.Credit {
	return event.Credit{
		OrgID: "o", ProgramID: "p", ConversionID: conversion, BeneficiaryID: beneficiary, Role: event.RoleReferrer, CustomerID: "cust",
		Kind: event.KindSale, ConversionTime: golden.WrittenAt, DecidedAt: golden.WrittenAt + 5000, Locale: "de", Currency: "USD",
		AmountMinor: 500, NetMinor: 500, Counts: true, CreditPPM: 1_000_000, Shares: []int64{1_000_000}, Rules: rules,
	}
}
