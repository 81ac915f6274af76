package e2e

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/grapevinehq/grapevine/consumers"
	"github.com/grapevinehq/grapevine/internal/enginetest"
	"github.com/grapevinehq/grapevine/pipeline"
)

// coldPrograms forget clicks soon: state is hot for that long beyond the retention.
const coldPrograms = `
version: 1
orgs:
  - id: acme
    name: Acme
    programs:
      - id: shop
        name: Shop
        versions:
          - valid_from: 2026-01-01T00:00:00Z
            currency: USD
            dedupe_window: 1s
            attribution_grace: 0s
`

// An id that was used longer ago than the retention is claimed in Redis no more, and
// makes a duplicate all the same: ClickHouse knows it.
func TestClaims_of_old_ids_are_found_in_the_books(t *testing.T) {
	t.Parallel()
	w := newWorld(t, enginetest.Kafka(t).Addr, 2, []byte(coldPrograms))
	w.settings["DEDUPE_RETENTION"] = "1s"
	w.createTopics()
	sell := func(customer, conversion, order string) pipeline.Message {
		sale := map[string]any{"kind": "sale", "conversion_id": conversion, "customer_id": customer, "amount_minor": 1000, "currency": "USD"}
		if order != "" {
			sale["order_id"] = order
		}
		return pipeline.Message{Topic: consumers.Conversions, Key: []byte(customer), Value: mustJSON(map[string]any{
			"specversion": "1.0", "id": conversion + " of " + customer, "source": "shop/web", "type": "referral.conversion.recorded.v1",
			"time": trafficBegins.Format(time.RFC3339), "orgid": "acme", "programid": "shop", "data": sale,
		})}
	}
	onBoth := func(conversion, order string) (messages []pipeline.Message) { // partitions, most likely
		for i := range 8 {
			customer := fmt.Sprint("customer-", i)
			messages = append(messages, sell(customer, strings.ReplaceAll(conversion, "#", customer), strings.ReplaceAll(order, "#", customer)))
		}
		return messages
	}
	w.publish([]pipeline.Message{sell("ann", "one", "m"), sell("ann", "two", "m"), sell("bob", "three", "n")})
	w.exitWhenIdle(60 * time.Second)
	time.Sleep(3 * time.Second)
	w.publish(onBoth("#", "#")) // whose batches release what is old
	w.exitWhenIdle(60 * time.Second)
	if left := w.claimed(); left > 16 {
		t.Errorf("%d ids are claimed, want none but those of the last batches, 16", left)
	}
	w.publish(append(onBoth("one", ""), append(onBoth("two", ""), onBoth("new of #", "m")...)...))
	w.exitWhenIdle(60 * time.Second)
	told := ""
	for _, r := range w.query("SELECT verdict, reason, toString(count()) AS n FROM conversions GROUP BY verdict, reason ORDER BY verdict, reason") {
		told += fmt.Sprintf("%s %s %s; ", r["n"], r["verdict"], r["reason"])
	}
	if want := "16 duplicate conversion_id; 9 duplicate order_id; 10 unattributed no_candidate; "; told != want {
		t.Errorf("%s; want %s", told, want)
	}
	w.agrees()
}

// claimed counts the ids that are claimed in Redis.
func (w *world) claimed() (n int64) {
	client := redis.NewClient(&redis.Options{Addr: w.redis.Addr})
	defer client.Close() //nolint:errcheck // nothing was written
	keys, err := client.Keys(w.t.Context(), "{g??}:c*").Result()
	for _, key := range keys {
		var fields int64
		if err == nil {
			fields, err = client.HLen(w.t.Context(), key).Result()
		}
		n += fields
	}
	if err != nil {
		w.t.Fatal(err)
	}
	return n
}
