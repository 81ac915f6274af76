package e2e

import (
	"fmt"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/grapevinehq/grapevine/consumers"
	"github.com/grapevinehq/grapevine/internal/enginetest"
	"github.com/grapevinehq/grapevine/pipeline"
)

// forgetfulPrograms forget events soon, for the tests that need that.
const forgetfulPrograms = `
version: 1
orgs:
  - id: acme
    programs:
      - id: %s
        versions:
          - valid_from: 2026-01-01T00:00:00Z
            currency: USD
            dedupe_window: 1s
            attribution_grace: 0s
            rules:
              - id: share
                type: per_conversion
                rewards: [{id: cash, to: referrer, type: cash, basis_points: 1000}]
`

// Events of a program that nobody knew are dead letters. Once the program is known
// they are replayed, in part twice, under workers that crash, and once more when the
// memory of events has long forgotten them: each is taken once.
func TestReplayed_dead_letters_are_taken_once(t *testing.T) {
	t.Parallel()
	w := newWorld(t, enginetest.Kafka(t).Addr, 2, fmt.Appendf(nil, forgetfulPrograms, "other"))
	w.settings["DEDUPE_RETENTION"] = "500ms"
	w.settings["BATCH_MAX_EVENTS"], w.settings["BATCH_MAX_WAIT"] = "100", "5ms"
	w.createTopics()
	const n = 60
	var clicks, rest []pipeline.Message
	for i := range n {
		visitor, customer := fmt.Sprintf("v%d", i), fmt.Sprintf("c%d", i)
		clicks = append(clicks, w.told(consumers.Clicks, visitor, "click.recorded", map[string]any{"referrer_id": "ann", "visitor_id": visitor}))
		nobody := w.told(consumers.Clicks, fmt.Sprintf("n%d", i), "click.recorded", map[string]any{"referrer_id": "ann", "ip": fmt.Sprintf("192.0.2.%d", i), "user_agent": "Firefox"})
		nobody.Key = nil // lies anywhere
		clicks = append(clicks, nobody)
		rest = append(rest,
			w.told(consumers.Conversions, customer, "identity.linked", map[string]any{"customer_id": customer, "visitor_id": visitor}),
			w.told(consumers.Conversions, customer, "conversion.adjusted", map[string]any{"customer_id": customer, "conversion_id": "s" + customer, "kind": "refund", "amount_minor": 10}),
			w.told(consumers.Conversions, customer, "conversion.recorded", map[string]any{
				"kind": "sale", "customer_id": customer, "conversion_id": "s" + customer, "amount_minor": 1000, "currency": "USD",
			}))
	}
	w.publish(clicks)
	w.publish(rest)
	w.exitWhenIdle(60 * time.Second)
	if rows := w.query("SELECT count() AS n FROM dead_letters WHERE reason = 'unknown_program'"); number(rows[0]["n"]) != 5*n {
		t.Fatalf("%v dead letters, want %d", rows[0]["n"], 5*n)
	}

	w.programs(fmt.Appendf(nil, forgetfulPrograms, "shop"))
	workers := []*worker{w.launch("run"), w.launch("run")}
	w.replay("--topic", consumers.Clicks) // before what they explain
	for range 2 {
		w.replay("--all")
		w.awaitProgress()
		workers[0].kill()
		workers[0] = w.launch("run")
	}
	for _, p := range workers {
		p.kill()
	}
	w.exitWhenIdle(60 * time.Second)
	w.checkTakenOnce(n)

	for i := range 2 { // the memory turns over
		time.Sleep(2 * time.Second)
		w.publish(filler(w, fmt.Sprintf("filler-%d", i)))
		w.exitWhenIdle(60 * time.Second)
	}
	w.replay("--all")
	w.exitWhenIdle(60 * time.Second)
	w.checkTakenOnce(n)
	w.checkMessages()
}

// programs replaces the program file.
func (w *world) programs(text []byte) {
	w.t.Helper()
	if err := os.WriteFile(w.settings["PROGRAMS"], text, 0o600); err != nil {
		w.t.Fatal(err)
	}
}

// replay replays dead letters as an operator does.
func (w *world) replay(filters ...string) {
	w.t.Helper()
	p := w.launch(append([]string{"dead-letters", "replay"}, filters...)...)
	if code := p.exit(60 * time.Second); code != 0 || !strings.Contains(p.said(), "Replayed ") {
		w.t.Fatalf("dead-letters replay ended with %d: %s", code, p.said())
	}
}

// filler is a little traffic for every partition.
func filler(w *world, name string) (messages []pipeline.Message) {
	for i := range 40 {
		id := fmt.Sprintf("%s-%d", name, i)
		messages = append(messages,
			w.told(consumers.Clicks, id, "click.recorded", map[string]any{"referrer_id": "filler", "visitor_id": id}),
			w.told(consumers.Conversions, id, "identity.linked", map[string]any{"customer_id": id, "visitor_id": id}))
	}
	return messages
}

// checkTakenOnce looks for everything that was sent, once.
func (w *world) checkTakenOnce(n int) {
	w.t.Helper()
	for what, query := range map[string]string{
		"clicks":      "SELECT uniqExact(event_id) AS n, count() AS rows FROM clicks WHERE verdict = 'unique' AND referrer_id = 'ann'",
		"conversions": "SELECT uniqExact(event_id) AS n, count() AS rows FROM conversions WHERE verdict = 'attributed'",
		"adjustments": "SELECT uniqExact(event_id) AS n, count() AS rows FROM adjustments WHERE amount_minor = -10",
		"links":       "SELECT uniqExact(event_id) AS n, count() AS rows FROM identity_links WHERE visitor_id LIKE 'v%'",
		"rewards":     "SELECT uniqExact(reward_id) AS n, count() AS rows FROM rewards WHERE event_type = 'earned'",
	} {
		want := n
		if what == "clicks" {
			want = 2 * n
		}
		if got := w.query(query)[0]; number(got["n"]) != int64(want) || number(got["rows"]) != int64(want) {
			w.t.Errorf("%s: %v events in %v rows, want %d in as many", what, got["n"], got["rows"], want)
		}
	}
}
