package e2e

import (
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/grapevinehq/grapevine/consumers"
	"github.com/grapevinehq/grapevine/internal/enginetest"
	"github.com/grapevinehq/grapevine/pipeline"
)

// budgetPrograms pay 500 a sale out of a budget, at most three times a member.
const budgetPrograms = `
version: 1
orgs:
  - id: acme
    budgets:
      - {id: growth, period: lifetime, limit_minor: %d, currency: USD}
    programs:
      - id: shop
        versions:
          - valid_from: 2026-01-01T00:00:00Z
            currency: USD
            attribution_grace: 0s
            attribution: {binding: none}
            rules:
              - id: flat
                type: per_conversion
                rewards: [{id: get, to: referrer, type: cash, flat_minor: 500}]
                limit: {count: 3}
                budget: growth
                hold: 1s
`

// Twelve members with five sales each draw on one budget from eight partitions and
// two workers: it is never exceeded, and what is freed or added goes to who waits,
// wherever they are.
func TestBudget_of_many_partitions_is_never_exceeded_and_releases_who_waits(t *testing.T) {
	t.Parallel()
	const most = 500 * 20
	w := newWorld(t, enginetest.Kafka(t).Addr, 8, fmt.Appendf(nil, budgetPrograms, most))
	w.createTopics()
	var clicks, sales []pipeline.Message
	for i := range 60 {
		visitor, customer := fmt.Sprint("v", i), fmt.Sprint("cu", i)
		clicks = append(clicks, w.told(consumers.Clicks, visitor, "click.recorded", map[string]any{"referrer_id": fmt.Sprint("m", i%12), "visitor_id": visitor}))
		sales = append(sales, w.told(consumers.Conversions, customer, "conversion.recorded", map[string]any{
			"kind": "sale", "conversion_id": fmt.Sprint("co", i), "customer_id": customer, "visitor_id": visitor,
		}))
	}
	w.publish(clicks)
	workers := []*worker{w.launch("run"), w.launch("run")}
	w.publish(sales)
	w.awaitDone(60*time.Second, workers...)

	// expect waits for the books to tell how many rewards are let through and held,
	// and that those who are let through are approved when their hold has ended.
	expect := func(what string, through, held int) {
		t.Helper()
		want := fmt.Sprint(through, " ", held, " ", through, " ", 500*through)
		got := ""
		for end := time.Now().Add(60 * time.Second); time.Now().Before(end) && got != want; time.Sleep(200 * time.Millisecond) {
			row := w.query(`SELECT countIf(net > 0) AS through, countIf(held > 0) AS held, countIf(last_status = 'approved') AS approved, sum(net) AS given FROM reward_standings`)[0]
			got = fmt.Sprint(row["through"], " ", row["held"], " ", row["approved"], " ", row["given"])
		}
		if got != want {
			t.Fatalf("%s: %s rewards let through, held, approved, and their sum; want %s", what, got, want)
		}
	}
	expect("at first", 20, 40)

	cancelled := w.query(`SELECT conversion_id FROM rewards WHERE event_type = 'earned' ORDER BY conversion_id LIMIT 4`)
	var cancels []pipeline.Message
	for _, r := range cancelled {
		id := fmt.Sprint(r["conversion_id"])
		customer := "cu" + id[len("co"):]
		cancels = append(cancels, w.told(consumers.Conversions, customer, "conversion.adjusted", map[string]any{
			"conversion_id": id, "customer_id": customer, "kind": "cancel",
		}))
	}
	w.publish(cancels)
	expect("after four cancels", 20, 36)

	if err := os.WriteFile(filepath.Join(w.folder, "programs.yaml"), fmt.Appendf(nil, budgetPrograms, most+500*3), 0o600); err != nil {
		t.Fatal(err)
	}
	expect("with a raised budget", 23, 33)

	for _, p := range workers {
		if code := p.stop(20 * time.Second); code != 0 {
			t.Errorf("%s ended with %d", p.name, code)
		}
	}
	for _, r := range w.query(`SELECT beneficiary, countIf(net > 0) AS n FROM reward_standings GROUP BY beneficiary HAVING n > 3`) {
		t.Errorf("more than the limit: %v", r)
	}
	used := w.query(`SELECT period, limit_minor, used_minor, left_minor, rewards, held_rewards, held FROM budget_usage`)
	if want := "[map[held:map[USD:16500] held_rewards:33 left_minor:0 limit_minor:11500 period:lifetime rewards:23 used_minor:11500]]"; fmt.Sprint(used) != want {
		t.Errorf("budget_usage %v, want %s", used, want)
	}
	w.recounted()
	w.agrees()
	w.verifyBudget(t)
}
