package e2e

import (
	"bytes"
	"encoding/json"
	"fmt"
	"slices"
	"strconv"

	"github.com/grapevinehq/grapevine/consumers"
	"github.com/grapevinehq/grapevine/internal/golden"
	"github.com/grapevinehq/grapevine/internal/schema"
	"github.com/grapevinehq/grapevine/pipeline/event"
)

// What two runs of one input may differ in: when and in which batches a worker
// did its work.
var byWorker = []string{
	"batch",           // where batches end is up to fetches and restarts
	"ingested",        // the time of the batch
	"batch_partition", // which of two updates finds that they list one code
	"lease_until",     // of the worker that wrote the row
	"decided_at",      // the time of the batch that decided a credit
	"clicks_seen",     // batches again
	"members_seen",
}

// tables are compared row by row, found by their key. What the pipeline reads
// from topics of its own (credits) lies at places of its own.
var tables = []struct {
	name   string
	key    []string
	ignore []string
}{
	{"clicks", position, nil},
	{"members", position, nil},
	{"conversions", position, nil},
	{"adjustments", position, nil},
	{"identity_links", position, nil},
	{"waiting", position, nil},
	{"fulfillments", position, nil},
	{"dead_letters", append([]string{"reason"}, position...), []string{"time"}}, // its time is the batch's
	{"attributions", append([]string{"model", "referrer_id"}, position...), nil},
	{"credits", []string{"source", "event_id"}, own},
}

var own = []string{"kafka_topic", "kafka_partition", "kafka_offset", "kafka_incarnation", "topic", "partition", "offset"}

// compareWorlds compares the books of two runs of one input.
func compareWorlds(want, got *world) {
	got.t.Helper()
	for _, table := range tables {
		rows := positions(want.query("SELECT * FROM " + table.name))
		same(got.t, table.name, rows, positions(got.query("SELECT * FROM "+table.name)), table.key, slices.Concat(byWorker, table.ignore)...)
		got.t.Logf("%s: %d rows", table.name, len(rows))
	}
	// Of tiers and brackets the net alone is promised; rewards of single
	// conversions are equal event by event.
	const single = "SELECT * FROM rewards WHERE program_id = 'shop'"
	same(got.t, "rewards", want.query(single), got.query(single), []string{"event_id"}, slices.Concat(byWorker, own, []string{"time"})...) // their time is when they were decided
	compareFigures(want, got)
}

// compareFigures compares what the views tell, and what is left of rewards.
func compareFigures(want, got *world) {
	got.t.Helper()
	compareNets(want, got)
	for view, key := range map[string][]string{
		"SELECT * FROM program_hourly":  {"org_id", "program_id", "hour"},
		"SELECT * FROM click_quality":   {"org_id", "program_id", "day", "channel", "verdict", "reason"},
		"SELECT * FROM program_daily":   {"org_id", "program_id", "day"},
		"SELECT * FROM program_totals":  {"org_id", "program_id"},
		"SELECT * FROM referrer_totals": {"org_id", "program_id", "referrer_id"},
		"SELECT org_id, program_id, beneficiary_id, currency, unit, net, pending, approved, held FROM reward_balances WHERE net != 0 AND program_id != '" + fame + "'": {"org_id", "program_id", "beneficiary_id", "currency", "unit"},
	} {
		rows, other := want.steady(view, key), got.query(view)
		if len(rows) == 0 {
			got.t.Errorf("%s: no rows", view)
		}
		for _, r := range slices.Concat(rows, other) {
			if r["program_id"] == "club" && r["day"] != nil { // which conversion reaches a tier depends on order
				r["rewards_earned"], r["reward_cost_minor"], r["roi"] = nil, nil, nil
			}
			if r["program_id"] == fame { // which rewards a budget lets through
				r["rewards_earned"], r["reward_cost_minor"], r["roi"] = nil, nil, nil
			}
			if r["program_id"] == "club" { // how many rewards brackets make is not promised
				r["rewards_earned"] = nil
			}
		}
		same(got.t, view, rows, other, key)
	}
}

// steady asks a view so often that ClickHouse compiles it, and expects the same
// answer every time.
func (w *world) steady(view string, key []string) []golden.Row {
	w.t.Helper()
	rows := w.query(view)
	for range 4 {
		same(w.t, "asked again, "+view, rows, w.query(view), key)
	}
	return rows
}

func compareNets(want, got *world) {
	got.t.Helper()
	of := func(w *world) []golden.Row {
		return slices.DeleteFunc(w.query(nets), func(r golden.Row) bool { return r["program"] == fame })
	}
	rows := of(want)
	if len(rows) < 20 {
		got.t.Errorf("only %d net rewards: the traffic earns too little", len(rows))
	}
	same(got.t, "net rewards", rows, of(got), []string{"org", "program", "rule", "reward", "beneficiary", "role", "unit", "reward_id", "tier", "period"})
}

// checkOffsets sees to it that every record is accounted for exactly once: it is
// stored, refused, or came before.
func (w *world) checkOffsets() {
	w.t.Helper()
	for topic, stored := range map[string][]string{
		consumers.Clicks:      {"clicks"},
		consumers.Conversions: {"conversions", "adjustments", "waiting WHERE kafka_topic = '" + w.cluster.Names().Kafka(consumers.Conversions) + "'", "identity_links WHERE (kafka_partition, kafka_offset) NOT IN (SELECT kafka_partition, kafka_offset FROM conversions)"},
		consumers.Members:     {"members"},
	} {
		times := map[string]int{}
		for _, from := range stored {
			for _, r := range w.query("SELECT kafka_partition AS p, kafka_offset AS o FROM " + from) {
				times[fmt.Sprint(r["p"], "/", r["o"])]++
			}
		}
		for _, r := range w.query("SELECT kafka_partition AS p, kafka_offset AS o FROM dead_letters WHERE reason != 'code_taken' AND kafka_topic = ?", w.cluster.Names().Kafka(topic)) {
			times[fmt.Sprint(r["p"], "/", r["o"])]++
		}
		w.checkTimes(topic, times)
	}
	for _, topic := range []string{"rewards", "credits"} {
		if rows := w.query("SELECT source, event_id, count() AS n FROM " + topic + " GROUP BY ALL HAVING n > 1"); len(rows) > 0 {
			w.t.Errorf("%s: stored twice: %v", topic, rows[0])
		}
	}
}

func (w *world) checkTimes(topic string, times map[string]int) {
	w.t.Helper()
	seen := map[string]bool{}
	again := 0
	for _, r := range w.read(topic) {
		at := fmt.Sprint(r.partition, "/", r.Offset)
		id := eventID(r)
		want := 1
		if id != "" && topic != consumers.Members && seen[id] && w.refused(topic, at) == "" {
			want, again = 0, again+1
		}
		seen[id] = true
		if times[at] != want {
			w.t.Errorf("%s/%s (%s) stands in the books %d times, not %d", topic, at, id, times[at], want)
		}
		delete(times, at)
	}
	if len(times) > 0 {
		w.t.Errorf("%s: the books hold %d offsets that the topic has not: %v", topic, len(times), times)
	}
	if again == 0 && topic != consumers.Members {
		w.t.Errorf("%s: nothing came twice", topic)
	}
}

// refused tells why the record of a position is a dead letter: such a one takes
// nothing, so it can be refused again.
func (w *world) refused(topic, at string) string {
	w.t.Helper()
	if w.letters == nil {
		w.letters = map[string]string{}
		for _, r := range w.query("SELECT kafka_topic AS t, kafka_partition AS p, kafka_offset AS o, reason FROM dead_letters") {
			w.letters[fmt.Sprint(r["t"], r["p"], "/", r["o"])] = r["reason"].(string)
		}
	}
	return w.letters[w.cluster.Names().Kafka(topic)+at]
}

// eventID is the id of a CloudEvent, empty if it is none.
func eventID(r placed) string {
	for _, h := range r.Headers {
		if h.Key == "ce_id" {
			return string(h.Value)
		}
	}
	var event struct{ ID string }
	if json.Unmarshal(r.Value, &event) != nil {
		return ""
	}
	return event.ID
}

// identity is the source and id of an event in structured mode.
func identity(r placed) string {
	var event struct{ Source, ID string }
	if json.Unmarshal(r.Value, &event) != nil {
		return ""
	}
	return event.Source + " " + event.ID
}

// checkMessages sees to it that every effect was published: equal ids are equal
// bytes, the ids are those of the books, and a reward's events keep their order.
func (w *world) checkMessages() {
	w.t.Helper()
	for topic, query := range map[string]string{
		consumers.Rewards:      "SELECT concat(source, ' ', event_id) AS id FROM rewards",
		consumers.Credits:      "SELECT concat(source, ' ', event_id) AS id FROM credits",
		consumers.Attributions: "",
		consumers.Segments:     "SELECT concat(source, ' ', event_id) AS id FROM segment_events",
	} {
		byID := map[string][]byte{}
		sequence := map[string]int{}
		for _, r := range w.read(topic) {
			id := identity(r)
			before, twice := byID[id]
			if twice && !bytes.Equal(before, r.Value) {
				w.t.Errorf("%s: %s was published twice and differs:\n%s\n%s", topic, id, before, r.Value)
			}
			byID[id] = r.Value
			if topic != consumers.Credits && !twice {
				if err := schema.Validate(r.Value); err != nil {
					w.t.Errorf("%s: %s: %v", topic, id, err)
				}
			}
			if topic == consumers.Rewards && !twice {
				w.checkSequence(sequence, id, r.Value)
			}
		}
		if query == "" {
			if n := w.query("SELECT count() AS n FROM conversions")[0]["n"]; number(n) != int64(len(byID)) {
				w.t.Errorf("%s: %d ids for %v conversions", topic, len(byID), n)
			}
			continue
		}
		for _, r := range w.query(query) {
			if _, ok := byID[r["id"].(string)]; !ok {
				w.t.Errorf("%s: %s stands in the books and was not published", topic, r["id"])
			}
			delete(byID, r["id"].(string))
		}
		for id, value := range byID {
			if topic == consumers.Credits && !isCredit(value) {
				continue // rewards are told of members and decisions too, whose rows are elsewhere
			}
			w.t.Errorf("%s: %s was published and is not in the books", topic, id)
		}
	}
	w.checkLetters()
}

// isCredit tells a credit from what else rewards are told of.
func isCredit(value []byte) bool {
	var e struct{ Type event.Type }
	return json.Unmarshal(value, &e) == nil && e.Type == event.TypeCredit
}

func (w *world) checkSequence(sequence map[string]int, id string, value []byte) {
	w.t.Helper()
	var e struct {
		Data struct {
			RewardID string `json:"reward_id"`
		}
	}
	if err := json.Unmarshal(value, &e); err != nil {
		w.t.Fatalf("%s: %v", id, err)
	}
	n, err := strconv.Atoi(id[bytes.LastIndexByte([]byte(id), '/')+1:])
	if err != nil || n != sequence[e.Data.RewardID]+1 {
		w.t.Errorf("%s follows event %d of its reward: %v", id, sequence[e.Data.RewardID], err)
	}
	sequence[e.Data.RewardID] = n
}

// checkLetters compares the topic of dead letters with the table.
func (w *world) checkLetters() {
	w.t.Helper()
	var got []golden.Row
	known := map[string]bool{}
	for _, r := range w.read(consumers.DeadLetters) {
		row := golden.Row{}
		for _, h := range r.Headers {
			row[h.Key] = string(h.Value)
		}
		delete(row, "gv_time")
		at := fmt.Sprint(row["gv_topic"], row["gv_partition"], "/", row["gv_offset"], row["gv_reason"])
		if !known[at] {
			got = append(got, row)
		}
		known[at] = true
	}
	want := w.query("SELECT kafka_topic AS gv_topic, kafka_partition AS gv_partition, kafka_offset AS gv_offset, reason AS gv_reason, detail AS gv_detail FROM dead_letters")
	same(w.t, "dead letters published", want, got, []string{"gv_topic", "gv_partition", "gv_offset", "gv_reason"})
}
