package e2e

import (
	"testing"
	"time"

	"github.com/grapevinehq/grapevine/consumers"
	"github.com/grapevinehq/grapevine/internal/enginetest"
	"github.com/grapevinehq/grapevine/internal/golden"
	"github.com/grapevinehq/grapevine/pipeline"
)

// Two versions of a program that differ in zone, margin and rate, and a rule that
// both have.
const movingPrograms = `
version: 1
orgs:
  - id: acme
    templates:
      - id: both
        currency: USD
        attribution: {model: linear, binding: none}
        attribution_grace: 0s
        rules:
          - {id: thanks, type: per_conversion, rewards: [{id: get, to: referrer, type: credit, flat_minor: 101}, {id: give, to: referee, type: discount, flat_minor: 50}]}
          - {id: share, type: per_conversion, rewards: [{id: cash, type: cash, basis_points: 1000}]}
          - {id: one, type: tiers, metric: conversions, tiers: [{id: first, threshold: 1, rewards: [{id: bonus, type: cash, amount_minor: 300}]}]}
    programs:
      - id: shop
        template: both
        versions:
          - {valid_from: 2026-01-01T00:00:00Z, timezone: America/New_York, margin: 0.5}
          - valid_from: 2026-03-01T00:00:00Z
            timezone: Asia/Tokyo
            margin: 0.4
            rules: [{id: share, type: per_conversion, rewards: [{id: cash, type: cash, basis_points: 2000}]}]
`

// Every figure here was computed by hand from contract §5 and §6: credits of two
// referrers, visitors without an id, days of two zones, a refund after days, a
// tier that is lost and won again.
func TestViews_over_two_versions_of_a_program(t *testing.T) {
	t.Parallel()
	w := newWorld(t, enginetest.Kafka(t).Addr, 2, []byte(movingPrograms))
	w.createTopics()
	tell := func(topic, key, what, at string, data map[string]any) {
		w.publish([]pipeline.Message{{Topic: topic, Key: []byte(key), Value: mustJSON(map[string]any{
			"specversion": "1.0", "id": what + at + key, "source": "shop", "type": "referral." + what + ".v1", "time": at,
			"orgid": "acme", "programid": "shop", "data": data,
		})}})
	}
	click := func(key, at string, data map[string]any) { tell(consumers.Clicks, key, "click.recorded", at, data) }
	for _, visitor := range []string{"v1", "v2", "v3"} { // 2026-02-26 in New York
		click(visitor, "2026-02-27T02:00:00Z", map[string]any{"referrer_id": "ann", "visitor_id": visitor})
		click(visitor, "2026-02-27T03:00:00Z", map[string]any{"referrer_id": "bob", "visitor_id": visitor})
	}
	for key, agent := range map[string]string{"k1": "Firefox", "k2": "Chrome"} {
		click(key, "2026-02-27T04:00:00Z", map[string]any{"referrer_id": "ann", "ip": "203.0.113.9", "user_agent": agent})
		click(key, "2026-02-27T04:10:00Z", map[string]any{"referrer_id": "ann", "ip": "203.0.113.9", "user_agent": agent}) // a duplicate
	}
	sale := func(id, customer, visitor, at string, amount int) {
		tell(consumers.Conversions, customer, "conversion.recorded", at, map[string]any{
			"kind": "sale", "conversion_id": id, "customer_id": customer, "visitor_id": visitor, "amount_minor": amount, "currency": "USD",
		})
	}
	adjust := func(id, customer, kind, at string, amount any) {
		tell(consumers.Conversions, customer, "conversion.adjusted", at, map[string]any{
			"conversion_id": id, "customer_id": customer, "kind": kind, "amount_minor": amount,
		})
	}
	p := w.launch("run")
	done := func() { w.awaitDone(60*time.Second, p) }
	sale("one", "c1", "v1", "2026-02-28T04:00:00Z", 999) // the 27th in New York
	done()
	sale("two", "c2", "v2", "2026-03-01T16:00:00Z", 1001) // the 2nd in Tokyo: the tier is reached
	done()
	adjust("one", "c1", "refund", "2026-03-10T00:00:00Z", 500)
	adjust("two", "c2", "cancel", "2026-03-11T00:00:00Z", nil) // the tier is lost
	done()
	sale("three", "c3", "v3", "2026-03-05T10:00:00Z", 2000) // and won again
	done()

	day := func(day string, figures golden.Row) golden.Row {
		row := golden.Row{
			"org_id": "acme", "program_id": "shop", "day": day, "clicks": 0, "unique_clicks": 0, "duplicate_clicks": 0, "bot_clicks": 0, "visitors": 0,
			"conversions": 0, "attributed_conversions": 0, "revenue_minor": 0, "attributed_revenue_minor": 0, "currency": "USD", "rewards_earned": 0, "reward_cost_minor": 0,
		}
		for k, v := range figures {
			row[k] = v
		}
		return row
	}
	// one: 499 is left, 250 and 249: 25 and 25 of it, 51 and 50 flat, 50 to the referee.
	// three: 1000 and 1000: 200 and 200 of it, 51 and 50, 50, and the tier's 300 and 300.
	same(t, "program_daily", []golden.Row{
		day("2026-02-26", golden.Row{"clicks": 10, "unique_clicks": 8, "duplicate_clicks": 2, "visitors": 5, "conversion_rate": "0"}),
		day("2026-02-27", golden.Row{"conversions": 1, "attributed_conversions": 1, "revenue_minor": 499, "attributed_revenue_minor": 499,
			"rewards_earned": 5, "reward_cost_minor": 201, "roi": ratio(249.5-201, 201)}),
		day("2026-03-05", golden.Row{"conversions": 1, "attributed_conversions": 1, "revenue_minor": 2000, "attributed_revenue_minor": 2000,
			"rewards_earned": 7, "reward_cost_minor": 1151, "roi": ratio(800-1151, 1151)}),
	}, w.query("SELECT * FROM program_daily"), []string{"org_id", "program_id", "day"})
	same(t, "program_totals", []golden.Row{{
		"org_id": "acme", "program_id": "shop", "clicks": 10, "unique_clicks": 8, "duplicate_clicks": 2, "bot_clicks": 0, "visitors": 5,
		"conversions": 2, "attributed_conversions": 2, "revenue_minor": 2499, "attributed_revenue_minor": 2499, "currency": "USD",
		"rewards_earned": 12, "reward_cost_minor": 1352, "conversion_rate": ratio(2, 8), "roi": ratio(1049.5-1352, 1352),
	}}, w.query("SELECT * FROM program_totals"), []string{"org_id", "program_id"})
	same(t, "referrer_totals", []golden.Row{
		{"org_id": "acme", "program_id": "shop", "referrer_id": "ann", "clicks": 7, "unique_clicks": 5, "conversions": 1, "revenue_minor": 1250, "rewards_earned": 5, "reward_cost_minor": 25 + 51 + 200 + 51 + 300},
		{"org_id": "acme", "program_id": "shop", "referrer_id": "bob", "clicks": 3, "unique_clicks": 3, "conversions": 1, "revenue_minor": 1249, "rewards_earned": 5, "reward_cost_minor": 25 + 50 + 200 + 50 + 300},
	}, w.query("SELECT * FROM referrer_totals"), []string{"org_id", "program_id", "referrer_id"})
	// two: 501 and 500 were credited: 100 and 100 of it, 51 and 50, 50, and the tier.
	balance := func(who string, earned, net int) golden.Row {
		return golden.Row{"org_id": "acme", "program_id": "shop", "beneficiary_id": who, "currency": "USD", "unit": "", "earned": earned, "net": net,
			"reversed": earned - net, "approved": net, "pending": 0, "held": 0, "fulfilled": 0, "overpaid": 0}
	}
	same(t, "reward_balances", []golden.Row{
		balance("ann", 50+51+100+51+300+200+51+300, 627), balance("bob", 50+50+100+50+300+200+50+300, 625),
		balance("c1", 50, 50), balance("c2", 50, 0), balance("c3", 50, 50),
	}, w.query("SELECT * FROM reward_balances"), []string{"org_id", "program_id", "beneficiary_id", "currency", "unit"})
	same(t, "tiers", []golden.Row{
		{"beneficiary_id": "ann", "occurrence": 1, "sequence": 1, "event_type": "earned", "status": "approved", "conversion_id": "two", "rule_version": "2026-03-01T00:00:00Z", "amount_minor": 300, "remaining_minor": 300},
		{"beneficiary_id": "ann", "occurrence": 1, "sequence": 2, "event_type": "reversed", "status": "reversed", "conversion_id": "two", "rule_version": "2026-03-01T00:00:00Z", "amount_minor": 300, "remaining_minor": 0},
		{"beneficiary_id": "ann", "occurrence": 2, "sequence": 1, "event_type": "earned", "status": "approved", "conversion_id": "three", "rule_version": "2026-03-01T00:00:00Z", "amount_minor": 300, "remaining_minor": 300},
	}, w.query("SELECT * FROM rewards WHERE tier_id = 'first' AND beneficiary_id = 'ann'"), []string{"beneficiary_id", "occurrence", "sequence"})
	w.recounted()
	if code := p.stop(20 * time.Second); code != 0 {
		t.Errorf("%s ended with %d", p.name, code)
	}
}

// ratio is a quotient as the views have it.
func ratio(a, b float64) any { return rounded(a / b) }
