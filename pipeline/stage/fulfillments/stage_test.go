package fulfillments

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"reflect"
	"slices"
	"testing"
	"time"

	"go.uber.org/goleak"
	"pgregory.net/rapid"

	"github.com/grapevinehq/grapevine/internal/bookshelf"
	"github.com/grapevinehq/grapevine/pipeline"
	"github.com/grapevinehq/grapevine/pipeline/event"
	"github.com/grapevinehq/grapevine/pipeline/program"
	"github.com/grapevinehq/grapevine/pipeline/recall"
	"github.com/grapevinehq/grapevine/pipeline/volatile"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

type fataler interface {
	Helper()
	Fatalf(string, ...any)
}

// world is a partition's memory and the books, in memory.
type world struct {
	pipeline.Memory
	own     map[string][]byte
	books   bookshelf.Shelf
	rewards map[string]Reward
	worker  pipeline.Worker
	number  uint64
	next    int64
	letters []string
	asked   int
	now     int64 // of the clock, for batches without records
}

func newWorld(t fataler) *world {
	t.Helper()
	w := &world{own: map[string][]byte{}, rewards: map[string]Reward{}}
	w.takeOver(t)
	return w
}

func (w *world) takeOver(t fataler) {
	t.Helper()
	s := &Stage{Catalogs: w, Rewards: w, Books: &w.books, Limits: event.DefaultLimits, Recall: recall.NewHasher([16]byte{1}), Retention: func() time.Duration { return time.Hour }}
	worker, err := s.TakeOver(context.Background(), &pipeline.Session{Memory: w, Log: slog.New(slog.NewTextHandler(io.Discard, nil))})
	if err != nil {
		t.Fatalf("%v", err)
	}
	w.worker = worker
}

func (w *world) Revision(context.Context, string) (*program.Catalog, error) {
	return &program.Catalog{Orgs: map[string]*program.Org{"acme": {Programs: map[string]*program.Program{"us-store": {}}}}}, nil
}

func (w *world) Rewards(_ context.Context, queries []RewardQuery) ([]Reward, error) {
	w.asked++
	answers := make([]Reward, len(queries))
	for i, q := range queries {
		answers[i] = w.rewards[q.RewardID]
	}
	return answers, nil
}

func (w *world) Get(_ context.Context, keys []string) ([][]byte, error) {
	values := make([][]byte, len(keys))
	for i, k := range keys {
		values[i] = w.own[k]
	}
	return values, nil
}

func (w *world) Tails(_ context.Context, asks []pipeline.TailAsk) ([][]byte, error) {
	return volatile.Tails(w.own, asks), nil
}

// batch works records as the loop does; replayed, another worker carries out the
// record in place of the first.
func (w *world) batch(t fataler, replayed bool, records ...event.Record) pipeline.Outcome {
	t.Helper()
	w.number++
	bounds := pipeline.Bounds{Partition: pipeline.Partition{Topic: Topic, ID: 3}, Number: w.number, First: w.next, Time: max(kafkaTime, w.now)}
	for i := range records {
		records[i].Offset = w.next
		w.next++
	}
	bounds.End = w.next
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatalf("%v", err)
		}
	}
	k, err := w.worker.Decode(bounds, records)
	must(err)
	must(k.LookUp(context.Background(), pipeline.Progress{}))
	must(k.Decide())
	rec, err := k.Record()
	must(err)
	must(k.TakeRecord(rec))
	out, err := k.Outcome(context.Background())
	must(err)
	for _, kv := range out.Writes.Set {
		w.own[kv.Key] = kv.Value
	}
	for _, kv := range out.Writes.Append {
		w.own[kv.Key] = append(w.own[kv.Key], kv.Value...)
	}
	for _, key := range out.Writes.Delete {
		delete(w.own, key)
	}
	if replayed {
		w.takeOver(t)
		k, err = w.worker.Decode(bounds, records)
		must(err)
		must(k.TakeRecord(rec))
		again, err := k.Outcome(context.Background())
		must(err)
		if !reflect.DeepEqual(again.Blocks, out.Blocks) || !reflect.DeepEqual(again.DeadLetters, out.DeadLetters) || !reflect.DeepEqual(again.Counts, out.Counts) ||
			!reflect.DeepEqual(again.Messages, out.Messages) {
			t.Fatalf("replayed %+v, decided %+v", again, out)
		}
	}
	w.books.Write(out.Blocks)
	// The books: what was fulfilled counts from the next batch on.
	for _, b := range out.Blocks {
		if b.Table != Table {
			continue
		}
		for i := range b.Rows {
			id := column(b, "reward_id").([]string)[i]
			r := w.rewards[id]
			r.Fulfilled += column(b, "amount_minor").([]int64)[i] + column(b, "quantity").([]int64)[i]
			w.rewards[id] = r
		}
	}
	for _, d := range out.DeadLetters {
		w.letters = append(w.letters, d.Reason+" "+d.EventID)
	}
	return out
}

func column(b pipeline.Block, name string) any {
	for _, c := range b.Columns {
		if c.Name == name {
			return c.Data
		}
	}
	return nil
}

// kafkaTime is the timestamp of records: 2026-11-02T00:00:00Z.
const kafkaTime = 1793577600000

func fulfilment(id string, of event.Type, reward string, data map[string]any) event.Record {
	if data == nil {
		data = map[string]any{}
	}
	data["reward_id"] = reward
	value, err := json.Marshal(map[string]any{
		"specversion": "1.0", "id": id, "source": "bank", "type": string(of), "orgid": "acme", "programid": "us-store",
		"time": "2026-11-01T10:00:00Z", "data": data,
	})
	if err != nil {
		panic(err)
	}
	return event.Record{Time: kafkaTime, Key: []byte(reward), Value: value, Headers: []event.Header{{Key: "h", Value: []byte("v")}}}
}

func counts(out pipeline.Outcome) map[string]int {
	m := map[string]int{}
	for _, c := range out.Counts {
		m[c.Verdict] += c.N
	}
	return m
}

func TestStage_rows(t *testing.T) {
	w := newWorld(t)
	w.rewards["money"] = Reward{Known: true, BeneficiaryID: "m", Currency: "EUR", Remaining: 500, Fulfilled: 100}
	w.rewards["points"] = Reward{Known: true, BeneficiaryID: "n", Unit: "points", Remaining: 7}
	out := w.batch(t, true,
		fulfilment("e1", event.TypeFulfilled, "money", map[string]any{"external_id": "x", "reason": "paid"}),
		fulfilment("e2", event.TypeFulfilled, "money", nil), // nothing is left
		fulfilment("e3", event.TypeFulfilled, "points", nil),
		fulfilment("e4", event.TypeFulfillmentFailed, "money", map[string]any{"reason": "account closed"}),
		fulfilment("e5", event.TypeDecided, "money", map[string]any{"decision": "reject", "actor": "ana"}),
	)
	if len(out.Blocks) != 1 || out.Blocks[0].Table != Table {
		t.Fatalf("%+v", out.Blocks)
	}
	for name, want := range map[string]any{
		"event_id": []string{"e1", "e2", "e3", "e4", "e5"}, "kafka_offset": []int64{0, 1, 2, 3, 4}, "kafka_partition": []int32{3, 3, 3, 3, 3},
		"reward_id": []string{"money", "money", "points", "money", "money"}, "event_type": []string{"fulfilled", "fulfilled", "fulfilled", "fulfillment_failed", "decided"},
		"external_id": []string{"x", "", "", "", ""}, "reason": []string{"paid", "", "", "account closed", ""}, "decision": []string{"", "", "", "", "reject"},
		"actor": []string{"", "", "", "", "ana"}, "beneficiary_id": []string{"m", "m", "n", "m", "m"}, "amount_minor": []int64{400, 0, 0, 0, 0},
		"quantity": []int64{0, 0, 7, 0, 0}, "currency": []string{"EUR", "EUR", "", "EUR", "EUR"}, "unit": []string{"", "", "points", "", ""},
		"org_id": []string{"acme", "acme", "acme", "acme", "acme"}, "program_id": []string{"us-store", "us-store", "us-store", "us-store", "us-store"},
	} {
		if got := column(out.Blocks[0], name); !reflect.DeepEqual(got, want) {
			t.Errorf("%s: %v, want %v", name, got, want)
		}
	}
}

// handed are the decisions of an outcome, as rewards read them.
func handed(t *testing.T, out pipeline.Outcome) (list []event.RewardDecision) {
	t.Helper()
	for _, m := range out.Messages {
		var in event.Inbound
		if p := event.DecodeCredits(&event.Record{Key: m.Key, Value: m.Value}, &in); p != nil || m.Topic != "referral.credits" || in.Type != event.TypeRewardDecided {
			t.Fatalf("%s: %q in %s", m.Topic, p, m.Value)
		}
		list = append(list, *in.Decision)
	}
	return list
}

// A person's decision goes to the ledger of the beneficiary, at once or when its
// reward comes; what a provider tells goes nowhere.
func TestStage_hands_decisions_over(t *testing.T) {
	w := newWorld(t)
	w.rewards["r"] = Reward{
		Known: true, BeneficiaryID: "m", Currency: "EUR", Remaining: 5, Role: event.RoleReferrer, RuleID: "ten", OwnID: "cash",
		TierID: "gold+1", Period: "2026-11", Occurrence: 2, ConversionID: "cv",
	}
	decided := func(id, reward string, decision event.Decision) event.Record {
		return fulfilment(id, event.TypeDecided, reward, map[string]any{"decision": decision, "actor": "ana", "reason": "checked"})
	}
	out := w.batch(t, true, decided("e1", "r", event.Approve), fulfilment("e2", event.TypeFulfilled, "r", nil), decided("e3", "late", event.Reverse),
		decided("e1", "r", event.Approve))
	want := event.RewardDecision{
		OrgID: "acme", ProgramID: "us-store", RewardID: "r", BeneficiaryID: "m", Role: event.RoleReferrer, RuleID: "ten", Reward: "cash",
		TierID: "gold+1", Period: "2026-11", Occurrence: 2, ConversionID: "cv", Decision: event.Approve, Actor: "ana", Reason: "checked",
		Source: "bank", EventID: "e1", Time: 1793527200000, DecidedAt: kafkaTime,
	}
	if got := handed(t, out); !reflect.DeepEqual(got, []event.RewardDecision{want}) {
		t.Errorf("got  %+v\nwant %+v", got, want)
	}
	w.rewards["late"] = Reward{Known: true, BeneficiaryID: "n", Unit: "points", Remaining: 5, Role: event.RoleMember, RuleID: "g", OwnID: "x", Period: "lifetime"}
	w.now = kafkaTime + 1000
	want = event.RewardDecision{
		OrgID: "acme", ProgramID: "us-store", RewardID: "late", BeneficiaryID: "n", Role: event.RoleMember, RuleID: "g", Reward: "x", Period: "lifetime",
		Decision: event.Reverse, Actor: "ana", Reason: "checked", Source: "bank", EventID: "e3", Time: 1793527200000, DecidedAt: kafkaTime + 1000,
	}
	if got := handed(t, w.batch(t, true)); !reflect.DeepEqual(got, []event.RewardDecision{want}) {
		t.Errorf("got  %+v\nwant %+v", got, want)
	}
}

func TestStage_dead_letters_and_redeliveries(t *testing.T) {
	w := newWorld(t)
	w.rewards["r"] = Reward{Known: true, Currency: "EUR", Remaining: 5}
	foreign := fulfilment("e2", event.TypeFulfilled, "r", nil)
	foreign.Value = []byte(`{"specversion":"1.0","id":"e2","source":"bank","type":"referral.reward.fulfilled.v1","orgid":"acme","programid":"x","time":"2026-11-01T10:00:00Z","data":{"reward_id":"r"}}`)
	out := w.batch(t, true,
		fulfilment("e1", event.TypeFulfilled, "r", nil), fulfilment("e1", event.TypeFulfilled, "r", nil), foreign,
		event.Record{Time: kafkaTime, Value: []byte("?")}, fulfilment("e3", event.TypeDecided, "r", nil),
	)
	if got, want := counts(out), (map[string]int{"stored": 1, "redelivered": 1, "unknown_program": 1, "invalid": 2}); !reflect.DeepEqual(got, want) {
		t.Errorf("%v, want %v", got, want)
	}
	var letters []string
	for _, d := range out.DeadLetters {
		letters = append(letters, fmt.Sprint(d.Index, " ", d.Reason, " ", d.Detail != ""))
	}
	if want := []string{"2 unknown_program true", "3 invalid true", "4 invalid true"}; !slices.Equal(letters, want) {
		t.Errorf("%q, want %q", letters, want)
	}
	w.takeOver(t)
	if got := counts(w.batch(t, false, fulfilment("e1", event.TypeFulfilled, "r", nil))); got["redelivered"] != 1 {
		t.Errorf("%v", got)
	}
}

func TestStage_waits_for_the_reward(t *testing.T) {
	w := newWorld(t)
	first := fulfilment("e1", event.TypeFulfilled, "late", nil)
	first.Headers[0].Key = "\xff" // any bytes
	out := w.batch(t, true, first, fulfilment("e2", event.TypeFulfilled, "never", nil))
	if len(out.Blocks) != 1 || out.Blocks[0].Table != TableWaiting || out.Blocks[0].Rows != 2 || counts(out)["waiting"] != 2 {
		t.Fatalf("%+v", out)
	}
	if got := counts(w.batch(t, true, fulfilment("e1", event.TypeFulfilled, "late", nil))); got["redelivered"] != 1 {
		t.Errorf("a redelivery waits too: %v", got)
	}
	w.takeOver(t)
	w.rewards["late"] = Reward{Known: true, Currency: "EUR", Remaining: 5}
	w.rewards["other"] = Reward{Known: true, Currency: "EUR", Remaining: 5}
	other := func(id string, after time.Duration) event.Record {
		rec := fulfilment(id, event.TypeFulfilled, "other", nil)
		rec.Time += after.Milliseconds()
		return rec
	}
	out = w.batch(t, true, other("e3", Wait-time.Millisecond))
	if len(out.DeadLetters) != 0 || !slices.Equal(column(out.Blocks[0], "kafka_offset").([]int64), []int64{0, 3}) {
		t.Errorf("%+v", out)
	}
	out = w.batch(t, true, other("e4", Wait))
	if len(out.DeadLetters) != 1 {
		t.Fatalf("%+v", out)
	}
	d := out.DeadLetters[0]
	if d.Reason != "unknown_reward" || d.EventID != "e2" || d.Original == nil || d.Original.Position != (pipeline.Position{Topic: Topic, Partition: 3, Offset: 1}) ||
		string(d.Original.Key) != "never" || len(d.Original.Headers) != 1 {
		t.Errorf("%+v", d)
	}
	if w.own[waitingKey] != nil {
		t.Error("somebody still waits")
	}
	if out = w.batch(t, true, other("e5", 2*Wait)); len(out.DeadLetters) != 0 {
		t.Errorf("%+v", out)
	}
}

// due asks the worker what is due by the clock, as the loop does while the
// partition rests.
func (w *world) due(t fataler, after time.Duration) bool {
	t.Helper()
	w.now = kafkaTime + after.Milliseconds()
	due, err := w.worker.(pipeline.Timekeeper).Due(context.Background(), w.now)
	if err != nil {
		t.Fatalf("%v", err)
	}
	return due
}

// No later event comes: the reward does, and for another the time is up.
func TestStage_waits_end_by_the_clock(t *testing.T) {
	w := newWorld(t)
	if w.due(t, 0) {
		t.Error("something is due before anybody waits")
	}
	w.batch(t, true, fulfilment("e1", event.TypeFulfilled, "late", nil), fulfilment("e2", event.TypeFulfilled, "never", nil))
	if w.due(t, Wait-time.Millisecond) {
		t.Error("due before the reward is there")
	}
	w.rewards["late"] = Reward{Known: true, Currency: "EUR", Remaining: 5}
	if !w.due(t, time.Second) {
		t.Fatal("not due, and the reward is there")
	}
	out := w.batch(t, true)
	if len(out.DeadLetters) != 0 || len(out.Blocks) != 1 || !slices.Equal(column(out.Blocks[0], "event_id").([]string), []string{"e1"}) {
		t.Fatalf("%+v", out)
	}
	if w.due(t, Wait-time.Millisecond) {
		t.Error("due again, and nothing has happened")
	}
	if !w.due(t, Wait) {
		t.Fatal("not due, and the time is up")
	}
	if out = w.batch(t, true); len(out.Blocks) != 0 || len(out.DeadLetters) != 1 || out.DeadLetters[0].Reason != "unknown_reward" || out.DeadLetters[0].EventID != "e2" {
		t.Errorf("%+v", out)
	}
	if w.due(t, 2*Wait) {
		t.Error("due, and nobody waits")
	}
}

// A dead letter takes nothing (contract §9 (4)), also one that waited before.
func TestStage_what_waited_in_vain_can_be_sent_again(t *testing.T) {
	at := func(id string, after time.Duration) event.Record {
		rec := fulfilment(id, event.TypeFulfilled, "r", nil)
		rec.Time += after.Milliseconds()
		return rec
	}
	for name, batches := range map[string][][]event.Record{
		"over batches": {{at("e1", 0)}, {at("e1", time.Hour)}, {at("e2", Wait)}, {at("e1", Wait)}, {at("e1", Wait+time.Hour)}},
		"in few":       {{at("e1", 0), at("e1", time.Hour)}, {at("e2", Wait), at("e1", Wait), at("e1", Wait+time.Hour)}},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			redelivered := 0
			for _, records := range batches {
				redelivered += counts(w.batch(t, true, records...))["redelivered"]
				w.takeOver(t)
			}
			if redelivered != 2 || !slices.Equal(w.letters, []string{"unknown_reward e1"}) {
				t.Errorf("%d redelivered, letters %q", redelivered, w.letters)
			}
			w.rewards["r"] = Reward{Known: true, Currency: "EUR", Remaining: 5}
			out := w.batch(t, true, at("e1", Wait+2*time.Hour))
			if len(out.Blocks) != 1 || !slices.Equal(column(out.Blocks[0], "event_id").([]string), []string{"e2", "e1"}) || counts(out)["redelivered"] != 1 {
				t.Errorf("%+v", out)
			}
			w.takeOver(t)
			if n := counts(w.batch(t, true, at("e1", Wait+3*time.Hour), at("e2", Wait+3*time.Hour)))["redelivered"]; n != 2 {
				t.Errorf("%d redelivered of two that were booked", n)
			}
		})
	}
}

// Who waits, is sent again and waits too long does so in any batches.
func TestStage_batches_do_not_matter_for_those_who_wait(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var records []event.Record
		at := time.Duration(0)
		for range rapid.IntRange(1, 12).Draw(t, "records") {
			at += rapid.SampledFrom([]time.Duration{0, time.Hour, Wait - time.Hour, Wait}).Draw(t, "later")
			rec := fulfilment(rapid.SampledFrom([]string{"e1", "e2", "e3"}).Draw(t, "id"), event.TypeFulfilled, "r", nil)
			rec.Time += at.Milliseconds()
			records = append(records, rec)
		}
		work := func(cut func(left int) int) (verdicts map[string]int, letters []string, waits []byte) {
			w := newWorld(t)
			verdicts = map[string]int{}
			for left := slices.Clone(records); len(left) > 0; {
				n := cut(len(left))
				for verdict, n := range counts(w.batch(t, false, left[:n]...)) {
					verdicts[verdict] += n
				}
				left = left[n:]
			}
			return verdicts, w.letters, w.own[waitingKey]
		}
		verdicts, letters, waits := work(func(left int) int { return left })
		again, lettersAgain, waitsAgain := work(func(left int) int { return rapid.IntRange(1, left).Draw(t, "batch") })
		if !reflect.DeepEqual(verdicts, again) || !slices.Equal(letters, lettersAgain) || string(waits) != string(waitsAgain) {
			t.Fatalf("in one batch %v %q, in several %v %q", verdicts, letters, again, lettersAgain)
		}
	})
}

func TestLooking_at_very_many_takes_a_small_share_of_the_time(t *testing.T) {
	var l looking
	now := time.Unix(1_800_000_000, 0)
	if !l.due(now) {
		t.Error("the first look is put off")
	}
	l.took(manyWait, now, now.Add(time.Second))
	if !l.due(now.Add(time.Second)) {
		t.Error("a look at a few is put off")
	}
	l.took(manyWait+1, now, now.Add(time.Second))
	if l.due(now.Add(20 * time.Second)) {
		t.Error("another look too soon")
	}
	if !l.due(now.Add(21 * time.Second)) {
		t.Error("no other look")
	}
}

func TestStage_asks_once_a_batch(t *testing.T) {
	w := newWorld(t)
	w.batch(t, false, fulfilment("e1", event.TypeFulfilled, "a", nil), fulfilment("e2", event.TypeFulfilled, "b", nil), fulfilment("e3", event.TypeFulfilled, "a", nil))
	w.batch(t, false, fulfilment("e4", event.TypeFulfilled, "a", nil))
	if w.asked != 2 {
		t.Errorf("asked %d times", w.asked)
	}
}

// However events are cut into batches, a reward is fulfilled by all that
// remains of it and no more, and every event has one end.
func TestStage_batches_do_not_matter(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		w := newWorld(t)
		w.rewards["a"] = Reward{Known: true, Currency: "EUR", Remaining: 9}
		w.rewards["b"] = Reward{Known: true, Unit: "points", Remaining: 4}
		fulfilled, ends := map[string]bool{}, 0
		n := 0
		for range rapid.IntRange(1, 5).Draw(t, "batches") {
			var records []event.Record
			for range rapid.IntRange(1, 4).Draw(t, "records") {
				reward := rapid.SampledFrom([]string{"a", "b", "c"}).Draw(t, "reward")
				records = append(records, fulfilment(fmt.Sprint("e", n), event.TypeFulfilled, reward, nil))
				n++
				fulfilled[reward] = true
			}
			out := w.batch(t, rapid.Bool().Draw(t, "replayed"), records...)
			for _, c := range out.Counts {
				if c.Verdict == "stored" {
					ends += c.N
				}
			}
		}
		if fulfilled["a"] != (w.rewards["a"].Fulfilled == 9) || fulfilled["b"] != (w.rewards["b"].Fulfilled == 4) {
			t.Fatalf("%v: %+v", fulfilled, w.rewards)
		}
		var waits []waiter
		if b := w.own[waitingKey]; b != nil {
			if err := decode(b, &waits); err != nil {
				t.Fatal(err)
			}
		}
		if ends+len(waits) != n {
			t.Fatalf("%d stored and %d waiting of %d", ends, len(waits), n)
		}
	})
}

func TestWork_refuses_what_it_does_not_know(t *testing.T) {
	w := newWorld(t)
	k, err := w.worker.Decode(pipeline.Bounds{}, nil)
	if err != nil {
		t.Fatal(err)
	}
	for _, b := range [][]byte{nil, {9}, {format, 0xff}} {
		if err := k.TakeRecord(b); err == nil {
			t.Errorf("%v is taken", b)
		}
	}
	rec, err := encode(record{Decisions: make([]decision, 1)})
	if err != nil {
		t.Fatal(err)
	}
	if err := k.TakeRecord(rec); !errors.Is(err, pipeline.ErrOffsetsLost) {
		t.Errorf("%v", err)
	}
	if err := k.TakeFacts(nil); err == nil {
		t.Error("facts are taken")
	}
}
