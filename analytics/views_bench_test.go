package analytics

import (
	"context"
	"fmt"
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/ClickHouse/clickhouse-go/v2"

	"github.com/grapevinehq/grapevine/internal/engine"
	"github.com/grapevinehq/grapevine/internal/enginetest"
)

// quick are the questions that must be quick: each view for one program and 30 days of
// 90, where it has days.
var quick = []struct{ name, query string }{
	{"program_hourly", "SELECT * FROM program_hourly WHERE %s AND hour >= '2026-09-01' AND hour < '2026-10-01'"},
	{"program_daily", "SELECT * FROM program_daily WHERE %s AND day BETWEEN '2026-09-01' AND '2026-09-30'"},
	{"program_totals", "SELECT * FROM program_totals WHERE %s"},
	{"referrer_totals", "SELECT * FROM referrer_totals WHERE %s ORDER BY conversions DESC LIMIT 20"},
	{"funnel_daily", "SELECT * FROM funnel_daily WHERE %s AND day BETWEEN '2026-09-01' AND '2026-09-30'"},
	{"cohort_ltv", "SELECT * FROM cohort_ltv WHERE %s"},
	{"repeat_purchases", "SELECT * FROM repeat_purchases WHERE %s"},
	{"time_to_convert", "SELECT * FROM time_to_convert WHERE %s AND day BETWEEN '2026-09-01' AND '2026-09-30'"},
	{"reward_balances", "SELECT * FROM reward_balances WHERE %s ORDER BY net DESC LIMIT 20"},
	{"budget_usage", "SELECT * FROM budget_usage WHERE org_id = 'org-7'"},
	{"model_comparison", "SELECT model, sum(revenue_minor) FROM model_comparison WHERE %s AND day BETWEEN '2026-09-01' AND '2026-09-30' GROUP BY model"},
	{"click_quality", "SELECT * FROM click_quality WHERE %s AND day BETWEEN '2026-09-01' AND '2026-09-30'"},
	{"segment_performance", "SELECT * FROM segment_performance WHERE %s"},
	{"goal_progress", "SELECT * FROM goal_progress WHERE %s"},
}

// BenchmarkViews asks every view of books that ClickHouse makes by itself: ROWS clicks
// (a million) over 90 days of 200 programs, and a conversion for each hundred. It tells
// the median time, and how many rows were read, also in parts per million of the clicks.
func BenchmarkViews(b *testing.B) {
	clicks := 1_000_000
	if n, err := strconv.Atoi(os.Getenv("ROWS")); err == nil {
		clicks = n
	}
	server := enginetest.ClickHouseAlone(b, engine.ClickHouseOptions{})
	books := openedAt(b, Options{Addr: []string{server.Addr}, Database: "bench"})
	began := time.Now()
	for _, statement := range madeBooks(clicks) {
		if err := books.conn.Exec(b.Context(), statement); err != nil {
			b.Fatalf("%s: %v", statement, err)
		}
	}
	b.Logf("%d clicks were made in %s; %s bytes a click on disk, in %s parts", clicks, time.Since(began).Round(time.Second),
		one(b, books, "SELECT round(sum(bytes_on_disk) / sum(rows), 1) FROM system.parts WHERE database = 'bench' AND table = 'clicks' AND active"),
		one(b, books, "SELECT count() FROM system.parts WHERE database = 'bench' AND table = 'clicks' AND active"))
	for _, q := range quick {
		b.Run(q.name, func(b *testing.B) {
			query := q.query
			if strings.Contains(query, "%s") {
				query = fmt.Sprintf(query, "org_id = 'org-7' AND program_id = 'p107'")
			}
			if len(ask(b, books, query)) == 0 {
				b.Error("no rows")
			}
			var rows, bytes uint64
			var took []time.Duration
			for b.Loop() {
				rows, bytes = 0, 0
				ctx := clickhouse.Context(context.WithoutCancel(b.Context()), clickhouse.WithProgress(func(p *clickhouse.Progress) { rows += p.Rows; bytes += p.Bytes }))
				began := time.Now()
				answer, err := books.conn.Query(ctx, query)
				if err != nil {
					b.Fatal(err)
				}
				for answer.Next() {
				}
				if err := answer.Close(); err != nil {
					b.Fatal(err)
				}
				took = append(took, time.Since(began))
			}
			slices.Sort(took)
			b.ReportMetric(float64(took[len(took)/2].Microseconds())/1000, "ms")
			b.ReportMetric(float64(rows), "rows")
			b.ReportMetric(float64(rows)/float64(clicks)*1e6, "ppm-of-clicks")
			b.ReportMetric(float64(bytes)/1e6, "MB")
			b.ReportMetric(0, "ns/op")
		})
	}
}

// madeBooks are the statements that fill the books, in pieces of a million clicks as
// large batches would. Everything follows from the number of the row.
func madeBooks(clicks int) (statements []string) {
	const common = `concat('org-', toString(p %% 10)) AS org_id, concat('p', toString(p)) AS program_id, toDateTime64('2100-01-01', 3, 'UTC') AS lease_until, toDateTime64(time, 3, 'UTC') AS ingested,
		fromUnixTimestamp64Milli(toInt64(1785542400000 + intDiv(number * 7776000000, %d)), 'UTC') AS time, toDate32(time) AS day, 'USD' AS currency, toString(number) AS event_id`
	of := func(n int) string { return fmt.Sprintf(common, n) }
	for from := 0; from < clicks; from += 1_000_000 {
		statements = append(statements, `INSERT INTO clicks (org_id, program_id, lease_until, ingested, time, day, currency, event_id, click_id, referrer_id, visitor_id, channel, country, verdict, reason, kafka_offset)
			SELECT org_id, program_id, lease_until, ingested, time, day, currency, event_id, event_id, concat('m', toString(p), '-', toString(cityHash64(number, 2) % 400)),
				concat('v', hex(cityHash64(cityHash64(number, 3) % `+fmt.Sprint(clicks*6/10+1)+`))), ['email', 'whatsapp', 'twitter', 'copy', 'qr'][cityHash64(number, 4) % 5 + 1],
				['US', 'DE', 'FR', 'GB', 'JP'][cityHash64(number, 5) % 5 + 1], ['unique', 'duplicate', 'bot'][multiIf(cityHash64(number, 6) % 100 < 87, 1, cityHash64(number, 6) % 100 < 97, 2, 3)] AS verdict,
				if(verdict = 'bot', ['Googlebot', 'bingbot'][number % 2 + 1], ''), number
			FROM (SELECT number, cityHash64(number, 1) % 200 AS p, `+of(clicks)+fmt.Sprintf(` FROM numbers(%d, %d))`, from, min(1_000_000, clicks-from)))
	}
	n := clicks / 100
	conversion := fmt.Sprintf(`(SELECT number, cityHash64(number, 1) %% 200 AS p, %s, toString(number) AS conversion_id, concat('c', toString(cityHash64(number, 7) %% %d)) AS customer_id,
		['lead', 'signup', 'sale', 'sale', 'renewal'][cityHash64(number, 8) %% 5 + 1] AS kind, toInt64(cityHash64(number, 9) %% 20000) AS amount, cityHash64(number, 10) %% 10 < 7 AS won,
		concat('m', toString(p), '-', toString(cityHash64(number, 2) %% 400)) AS referrer FROM numbers(%d))`, of(n), n/2+1, n)
	rows := func(table, columns, from string) {
		statements = append(statements, fmt.Sprintf("INSERT INTO %s (org_id, program_id, lease_until, ingested, time, event_id, %s) SELECT org_id, program_id, lease_until, ingested, time, event_id, %s", table, columns, from))
	}
	rows("conversions", "day, currency, conversion_id, customer_id, kind, amount_minor, verdict, margin", "day, currency, conversion_id, customer_id, kind, amount, if(won, 'attributed', 'unattributed'), 0.4 FROM "+conversion)
	rows("adjustments", "day, currency, conversion_id, customer_id, kind, amount_minor, counts_after", "day, currency, conversion_id, customer_id, 'refund', -intDiv(amount, 2), 1 FROM "+conversion+" WHERE number % 20 = 0")
	rows("attributions", "day, conversion_id, referrer_id, model, paying, credit_ppm, amount_minor, touches, first_touch_at, last_touch_at",
		"day, conversion_id, referrer, model, model = 'last_click', 1000000, amount, 1, time - toIntervalHour(number % 300), time - toIntervalHour(number % 300) FROM "+conversion+" ARRAY JOIN ['last_click', 'linear', 'time_decay'] AS model WHERE won")
	rows("credits", "conversion_id, role, beneficiary_id, customer_id, kind, conversion_time, currency, amount_minor, net_minor, counts, credit_ppm, credited_minor",
		"conversion_id, 'referrer', referrer, customer_id, kind, time, currency, amount, amount, 1, 1000000, amount FROM "+conversion+" WHERE won")
	rows("rewards", "day, reward_id, sequence, event_type, status, rule_id, beneficiary_id, beneficiary_role, currency, amount_minor, remaining_minor, conversion_id, conversion_time, budget_id, drawn_minor, drawn_currency, drawn_period",
		"day, concat('r', conversion_id), 1, 'earned', 'approved', 'share', referrer, 'referrer', currency, intDiv(amount, 10), intDiv(amount, 10), conversion_id, time, 'growth', intDiv(amount, 10), 'USD', formatDateTime(time, '%Y-%m') FROM "+conversion+" WHERE won")
	rows("fulfillments", "reward_id, event_type, amount_minor, currency", "concat('r', conversion_id), 'fulfilled', intDiv(amount, 10), currency FROM "+conversion+" WHERE won AND number % 2 = 0")
	return append(statements,
		`INSERT INTO segment_events (org_id, segment_id, member_id, event_type, sequence, lease_until, ingested)
			SELECT concat('org-', toString(number % 200 % 10)), concat('s', toString(number % 3)), concat('m', toString(number % 200), '-', toString(intDiv(number, 200))), 'entered', 1, '2100-01-01', '2026-09-01' FROM numbers(40000)`,
		`INSERT INTO goals (org_id, program_id, goal_id, metric, target, starts_at, ends_at, taken_at)
			SELECT concat('org-', toString(number % 10)), concat('p', toString(number)), 'q3', 'revenue', 1000000, '2026-08-01', '2026-11-01', '2026-08-01' FROM numbers(200)`,
		`INSERT INTO budgets (org_id, budget_id, period_kind, limit_minor, currency, taken_at)
			SELECT concat('org-', toString(number)), 'growth', 'month', 100000000, 'USD', '2026-08-01' FROM numbers(10)`)
}
