package e2e

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/grapevinehq/grapevine/consumers"
	"github.com/grapevinehq/grapevine/internal/enginetest"
	"github.com/grapevinehq/grapevine/pipeline"
	"github.com/grapevinehq/grapevine/pipeline/reward"
)

// ledgerPrograms reward by figures of members, and hold for a year.
const ledgerPrograms = `
version: 1
orgs:
  - id: acme
    segments:
      - {id: gold}
      - {id: seen, when: 'stats.unique_clicks >= 2'}
      - {id: champions, when: 'stats.conversions >= 1'}
    programs:
      - id: shop
        versions:
          - valid_from: 2026-01-01T00:00:00Z
            currency: USD
            attribution_grace: 0s
            rules:
              - {id: commission, type: per_conversion, hold: 8760h, rewards: [{id: share, to: referrer, type: cash, basis_points: 1000}]}
              - {id: bonus, type: per_conversion, segments: [champions], rewards: [{id: extra, to: referrer, type: cash, flat_minor: 500}]}
`

// The ledger of a member hears of its updates and its clicks, and of what a person
// decides; and rules look at what the ledgers and the clicks came to.
func TestLedgers_hear_of_members_clicks_and_decisions(t *testing.T) {
	t.Parallel()
	w := newWorld(t, enginetest.Kafka(t).Addr, 2, []byte(ledgerPrograms))
	w.createTopics()
	click := func(visitor string) pipeline.Message {
		return w.told(consumers.Clicks, visitor, "click.recorded", map[string]any{"referrer_id": "ann", "visitor_id": visitor})
	}
	sale := func(customer, visitor string) pipeline.Message {
		return w.told(consumers.Conversions, customer, "conversion.recorded", map[string]any{
			"kind": "sale", "conversion_id": "sale-" + customer, "customer_id": customer, "visitor_id": visitor, "amount_minor": 10000, "currency": "USD",
		})
	}
	work := func(messages ...pipeline.Message) {
		t.Helper()
		w.publish(messages)
		w.exitWhenIdle(60 * time.Second)
	}
	passages := func() (list []string) {
		for _, r := range w.query("SELECT segment_id, event_type, sequence FROM segment_events WHERE member_id = 'ann' ORDER BY segment_id, sequence") {
			list = append(list, fmt.Sprint(r["segment_id"], " ", r["event_type"], " ", r["sequence"]))
		}
		return list
	}
	rewards := func() (list []string) {
		for _, r := range w.query("SELECT rule_id, conversion_id, event_type, status, remaining_minor, reason FROM rewards ORDER BY rule_id, conversion_id, sequence") {
			list = append(list, fmt.Sprint(r["rule_id"], " ", r["conversion_id"], " ", r["event_type"], " ", r["status"], " ", r["remaining_minor"], " ", r["reason"]))
		}
		return list
	}
	expect := func(what string, got []string, want ...string) {
		t.Helper()
		if !slices.Equal(got, want) {
			t.Errorf("%s:\ngot  %q\nwant %q", what, got, want)
		}
	}

	work(w.told(consumers.Members, "acme/ann", "member.updated", map[string]any{"member_id": "ann", "segments": []string{"gold"}}), click("vic"), sale("cleo", "vic"))
	expect("segments", passages(), "champions entered 1", "gold entered 1")
	expect("rewards", rewards(), "commission sale-cleo earned pending 1000 ")

	first := reward.ConversionID("acme", "shop", "commission", "share", "sale-cleo", "ann")
	work(click("val"), sale("carl", "val"), w.told(consumers.Fulfillments, first, "reward.decided", map[string]any{
		"reward_id": first, "decision": "reject", "actor": "eve", "reason": "not a customer",
	}))
	expect("segments", passages(), "champions entered 1", "gold entered 1", "seen entered 1")
	expect("rewards", rewards(),
		"bonus sale-carl earned approved 500 ", "commission sale-carl earned pending 1000 ",
		"commission sale-cleo earned pending 1000 ", "commission sale-cleo reversed reversed 0 rejected by eve: not a customer")

	work(pipeline.Message{Topic: consumers.Members, Key: []byte("acme/ann")}) // forgotten
	expect("segments", passages(), "champions entered 1", "champions left 2", "gold entered 1", "gold left 2", "seen entered 1", "seen left 2")
}
