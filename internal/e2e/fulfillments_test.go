package e2e

import (
	"fmt"
	"testing"
	"time"

	"github.com/grapevinehq/grapevine/consumers"
	"github.com/grapevinehq/grapevine/internal/enginetest"
	"github.com/grapevinehq/grapevine/pipeline"
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
