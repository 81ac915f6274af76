package conversions

import (
	"fmt"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/grapevinehq/grapevine/internal/golden"
)

// However a partition is cut into batches, the same comes of it: what an event
// links, binds, counts, claims or waits for holds within a batch as beyond it.
func TestStage_does_not_depend_on_where_batches_end(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		events := drawEvents(rt)
		whole, cut := crowded(t), crowded(t)
		cut.hot = drawHot(rt) // also what is cold is found
		cut.full = rapid.Bool().Draw(rt, "full filter")
		whole.send(events...)
		for rest := events; len(rest) > 0; {
			n := rapid.IntRange(1, len(rest)).Draw(rt, "batch")
			cut.send(rest[:n]...)
			cut.parts[0].takeOver()
			rest = rest[n:]
		}
		for _, table := range whole.stage.Tables() {
			for _, d := range golden.Differences(whole.rows[table], cut.rows[table], []string{"offset", "model", "referrer_id", "event_id"}) {
				rt.Errorf("%s: %s", table, d)
			}
		}
		if a, b := fmt.Sprint(whole.handed()), fmt.Sprint(cut.handed()); a != b {
			rt.Errorf("credits:\n%s\n%s", a, b)
		}
		if a, b := fmt.Sprint(whole.told, whole.reasons()), fmt.Sprint(cut.told, cut.reasons()); a != b {
			rt.Errorf("messages:\n%s\n%s", a, b)
		}
	})
}

// drawHot draws after how long state leaves the memory, where batches follow each
// other every millisecond.
func drawHot(t *rapid.T) time.Duration {
	return rapid.SampledFrom([]time.Duration{0, time.Millisecond, 3 * time.Millisecond, 10_000 * time.Hour}).Draw(t, "hot")
}

// crowded is a scene with touches of three visitors by three referrers.
func crowded(t *testing.T) *scene {
	s := newScene(t)
	for i, visitor := range []string{"v0", "v1", "v2"} {
		for j, referrer := range []string{"ann", "bob", "c0"} {
			s.click(visitor, fmt.Sprint("k", i, j), referrer, int64(3*j+i))
		}
	}
	return s
}

// drawEvents draws events, sends some again, and gives some the id of another.
func drawEvents(t *rapid.T) []sent {
	var events []sent
	clock := int64(0)
	for i := range rapid.IntRange(1, 20).Draw(t, "events") {
		if i > 0 && rapid.IntRange(0, 5).Draw(t, "again") == 0 {
			events = append(events, rapid.SampledFrom(events).Draw(t, "event"))
		} else {
			id := fmt.Sprint("e", i)
			if i > 0 && rapid.IntRange(0, 3).Draw(t, "used id") == 0 {
				id = rapid.SampledFrom(events).Draw(t, "namesake").body["id"].(string)
			}
			events = append(events, drawEvent(t, id))
		}
		clock += rapid.SampledFrom([]int64{0, 0, 0, 1, 30, 72}).Draw(t, "clock")
		events[len(events)-1].hours = clock + rapid.Int64Range(0, 1).Draw(t, "jitter")
	}
	return events
}

// drawEvent draws an event of few customers, ids and visitors, so that they meet.
func drawEvent(t *rapid.T, id string) sent {
	pick := func(what string, n int) string { return fmt.Sprint(what, rapid.IntRange(0, n-1).Draw(t, what)) }
	hours := rapid.Int64Range(-40, 60).Draw(t, "hours")
	customer := pick("c", 2)
	switch rapid.IntRange(0, 5).Draw(t, "type") {
	case 0:
		e := link(id, pick("v", 3))
		e.key = customer
		e.body["data"].(data)["customer_id"] = customer
		return e
	case 1, 2:
		kind := rapid.SampledFrom([]string{"refund", "cancel", "correction"}).Draw(t, "kind")
		more := data{"kind": kind, "customer_id": customer}
		if kind == "correction" || rapid.Bool().Draw(t, "part") {
			more["amount_minor"] = rapid.Int64Range(1, 3000).Draw(t, "amount")
		}
		return adjusted(id, hours, pick("n", 4), more)
	}
	more := data{"customer_id": customer, "conversion_id": pick("n", 4), "kind": rapid.SampledFrom([]string{"sale", "lead"}).Draw(t, "kind")}
	more["currency"] = rapid.SampledFrom([]string{"EUR", "EUR", "USD", "GBP"}).Draw(t, "currency")
	if rapid.Bool().Draw(t, "has visitor") {
		more["visitor_id"] = pick("v", 3)
	}
	if rapid.Bool().Draw(t, "has order") {
		more["order_id"] = pick("o", 3)
	}
	if rapid.Bool().Draw(t, "has click") {
		more["click_id"] = pick("k", 3) + "1"
	}
	return sale(id, hours, more)
}
