package e2e

import (
	"fmt"
	"testing"
	"time"

	"github.com/grapevinehq/grapevine/consumers"
	"github.com/grapevinehq/grapevine/internal/enginetest"
	"github.com/grapevinehq/grapevine/internal/golden"
	"github.com/grapevinehq/grapevine/pipeline"
	"github.com/grapevinehq/grapevine/pipeline/reward"
)

// What became of rewards outside is stored, and one of a reward that is not
// known yet waits for it.
func TestFulfillments_find_their_rewards(t *testing.T) {
	t.Parallel()
	w := newWorld(t, enginetest.Kafka(t).Addr, 2, []byte(trafficPrograms))
	w.createTopics()
	early := w.fulfilled("f-unknown", "00000000-0000-5000-8000-000000000000")
	w.publish(append(someTraffic(3), early))
	w.exitWhenIdle(60 * time.Second)

	rewards := w.query("SELECT reward_id, currency, sum(amount_minor) AS earned FROM rewards WHERE program_id = 'shop' AND currency != '' GROUP BY ALL HAVING countIf(event_type = 'reversed') = 0 ORDER BY reward_id")
	if len(rewards) < 5 {
		t.Fatalf("only %d rewards", len(rewards))
	}
	var messages []pipeline.Message
	for i, r := range rewards[:5] {
		m := w.fulfilled(fmt.Sprintf("f-%d", i), r["reward_id"].(string))
		messages = append(messages, m, m) // each comes twice
	}
	w.publish(messages)
	w.exitWhenIdle(60 * time.Second)

	stored := w.query("SELECT reward_id, currency, amount_minor AS earned FROM fulfillments WHERE event_type = 'fulfilled'")
	same(t, "fulfillments", rewards[:5], stored, []string{"reward_id"})
	waiting := w.query("SELECT event_id, conversion_id FROM waiting WHERE kafka_topic = ?", w.cluster.Names().Kafka(consumers.Fulfillments))
	if len(waiting) != 1 || waiting[0]["event_id"] != "f-unknown" {
		t.Errorf("waiting: %v", waiting)
	}
	balance := w.query("SELECT sum(fulfilled) AS fulfilled FROM reward_balances")
	sum := int64(0)
	for _, r := range rewards[:5] {
		sum += number(r["earned"])
	}
	if number(balance[0]["fulfilled"]) != sum {
		t.Errorf("the balances say that %v was fulfilled, not %d", balance[0]["fulfilled"], sum)
	}
}

func (w *world) fulfilled(id, reward string) pipeline.Message {
	return pipeline.Message{Topic: consumers.Fulfillments, Key: []byte(reward), Value: mustJSON(map[string]any{
		"specversion": "1.0", "id": id, "source": "payments", "type": "referral.reward.fulfilled.v1", "time": trafficBegins.Format(time.RFC3339),
		"orgid": "acme", "programid": "shop", "data": map[string]any{"reward_id": reward, "external_id": "tx-" + id},
	})}
}

// Somebody pays before the reward is known here, and tells nothing more: the
// payment finds the reward when it comes.
func TestFulfillments_that_are_early_are_booked_when_their_reward_comes(t *testing.T) {
	t.Parallel()
	w := newWorld(t, enginetest.Kafka(t).Addr, 2, []byte(trafficPrograms))
	w.createTopics()
	early := reward.ConversionID("acme", "shop", "commission", "share", "sale-1", "ann")
	w.publish([]pipeline.Message{w.fulfilled("f-early", early)})
	w.exitWhenIdle(60 * time.Second)
	if n := len(w.query("SELECT * FROM waiting")); n != 1 {
		t.Fatalf("%d events wait, want 1", n)
	}
	w.publish([]pipeline.Message{w.told(consumers.Clicks, "vic", "click.recorded", map[string]any{"referrer_id": "ann", "visitor_id": "vic"})})
	w.publish([]pipeline.Message{w.told(consumers.Conversions, "cleo", "conversion.recorded", map[string]any{
		"kind": "sale", "conversion_id": "sale-1", "customer_id": "cleo", "visitor_id": "vic", "amount_minor": 10000, "currency": "USD",
	})})
	w.exitWhenIdle(60 * time.Second)
	same(t, "fulfillments", []golden.Row{{"event_id": "f-early", "reward_id": early, "amount_minor": 725, "currency": "USD", "beneficiary_id": "ann"}},
		w.query("SELECT * FROM fulfillments"), []string{"event_id"})
	if n := len(w.query("SELECT * FROM waiting")); n != 0 {
		t.Errorf("%d events wait", n)
	}
}

// told is an event of the shop.
func (w *world) told(topic, key, what string, data map[string]any) pipeline.Message {
	return pipeline.Message{Topic: topic, Key: []byte(key), Value: mustJSON(map[string]any{
		"specversion": "1.0", "id": what + "/" + key, "source": "shop/web", "type": "referral." + what + ".v1", "time": trafficBegins.Format(time.RFC3339),
		"orgid": "acme", "programid": "shop", "data": data,
	})}
}
