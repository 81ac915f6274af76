package analytics

import (
	"context"
	"fmt"
	"os"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/ClickHouse/clickhouse-go/v2"

	"github.com/grapevinehq/grapevine/internal/enginetest"
)

// BenchmarkAudit holds clicks against batches and views, and reads what is compared with
// Redis: of 50 programs, 40 days and batches of 20,000 clicks, with a conversion and a
// reward for every twenty. AUDIT_CLICKS says how many clicks; ClickHouse makes them. Times
// are seconds, memory the most that a query took in ClickHouse, MiB.
func BenchmarkAudit(b *testing.B) {
	clicks := 200_000
	if text := os.Getenv("AUDIT_CLICKS"); text != "" {
		var err error
		if clicks, err = strconv.Atoi(text); err != nil {
			b.Fatal(err)
		}
	}
	addr, database := enginetest.ClickHouse(b)
	books := openedAt(b, Options{Addr: []string{addr}, Database: database})
	p := batch(1, 0, 1).Partition
	began := time.Now()
	madeClicks(b, books, clicks)
	b.Logf("made %d clicks in %s: %s", clicks, time.Since(began).Round(time.Second), one(b, books,
		"SELECT formatReadableSize(sum(bytes_on_disk)), sum(rows), count() FROM system.parts WHERE database = ? AND table = 'clicks' AND active", database))
	batches := clicks / 20_000
	standing := Standing{Partition: p, Completed: uint64(batches), Committed: int64(clicks)}
	audit := books.Audit([]Standing{standing}, Scope{Clicks: p.Topic, Limit: 100})
	invariant := func(name string) func(context.Context) (Findings, error) {
		return func(ctx context.Context) (Findings, error) { return audit.Invariant(ctx, name) }
	}
	read := 0
	for b.Loop() {
		for what, compare := range map[string]func(context.Context) (Findings, error){
			"rows of clicks":  func(ctx context.Context) (Findings, error) { return audit.Rows(ctx, "clicks") },
			"batches":         invariant("batches"),
			"offsets":         invariant("offsets"),
			"conversion_ids":  invariant("conversion_ids"),
			"rewards":         invariant("rewards"),
			"program_figures": invariant("program_figures"),
			"program_totals":  invariant("program_totals"),
			"program_hourly":  invariant("program_hourly"),
			"referrer_totals": invariant("referrer_totals"),
			"each conversion": func(ctx context.Context) (f Findings, err error) {
				return f, audit.EachConversion(ctx, standing, nil, func(list []ClaimingConversion) error { read += len(list); return nil })
			},
			"each reward": func(ctx context.Context) (f Findings, err error) {
				return f, audit.EachReward(ctx, standing, nil, func(list []BookedReward) error { read += len(list); return nil })
			},
		} {
			began, peak := time.Now(), int64(0)
			f, err := compare(clickhouse.Context(b.Context(), clickhouse.WithProfileEvents(func(events []clickhouse.ProfileEvent) {
				for _, e := range events {
					if e.Name == "MemoryTrackerPeakUsage" {
						peak = max(peak, e.Value)
					}
				}
			})))
			if err != nil || f.Total > 0 {
				b.Fatalf("%s: %+v, %v", what, f, err)
			}
			name := strings.ReplaceAll(what, " ", "-")
			b.ReportMetric(time.Since(began).Seconds(), name+"-s")
			b.ReportMetric(float64(peak>>20), name+"-MiB")
		}
	}
	if read == 0 {
		b.Error("no conversion and no reward was read")
	}
	b.ReportMetric(0, "ns/op")
}

// madeClicks lets ClickHouse make clicks, and the accounts that a worker would write.
func madeClicks(b *testing.B, books *Books, n int) {
	b.Helper()
	ctx := clickhouse.Context(b.Context(), clickhouse.WithSettings(clickhouse.Settings{"max_insert_block_size": 20_000, "min_insert_block_size_rows": 20_000, "max_block_size": 20_000, "max_threads": 1, "max_insert_threads": 1}))
	const made = `
INSERT INTO clicks (org_id, program_id, time, event_id, source, kafka_topic, kafka_partition, kafka_offset, click_id, referrer_id, visitor_id, actor_hash, link_id,
    campaign_id, channel, country, locale, landing_url, referer_url, verdict, reason, currency, day, metadata, kafka_incarnation, batch, ingested, lease_until)
SELECT concat('org-', toString(program % 5)), concat('p', toString(program)), fromUnixTimestamp64Milli(toInt64(1795132800000 + number * 3456000000 / {n:UInt64}), 'UTC') AS at,
    toString(generateUUIDv4()) AS id, 'simulate/web', 'referral.clicks', 3, number, id, concat('member-', toString(program * 400 + h % 400)),
    concat('v-', toString(cityHash64(number, 2) % intDiv({n:UInt64} * 6, 10))), '', concat('l', toString(h % 3)), '', arrayElement(['email', 'whatsapp', 'twitter', 'copy', 'qr'], h % 5 + 1),
    arrayElement(['US', 'DE', 'FR', 'GB', 'JP'], h % 5 + 1), 'en-US', 'https://shop.example.com/p', 'https://social.example.com/feed',
    if(h % 10 = 0, 'duplicate', 'unique'), '', 'USD', toDate32(at), map(), 'incarnation-1', intDiv(number, 20000) + 1, now64(3), now64(3) + INTERVAL 1 DAY
FROM (SELECT number, cityHash64(number) AS h, h % 50 AS program FROM numbers({n:UInt64}))`
	const accounts = `
INSERT INTO batches (kafka_topic, kafka_partition, kafka_offset, end_offset, records, written, rows, checksum, offsets, marks, verdicts, kafka_incarnation, batch, ingested, lease_until)
SELECT 'referral.clicks', 3, (batch - 1) * 20000, batch * 20000, 20000, written, rows, checksum, [], [], map(), 'incarnation-1', batch, now64(3), now64(3) + INTERVAL 1 DAY
FROM
(
    SELECT batch, 'clicks' AS written, count() AS rows, sum(cityHash64(%s)) AS checksum FROM clicks GROUP BY batch
    UNION ALL
    SELECT number + 1, '', 0, 0 FROM numbers(intDiv({n:UInt64}, 20000))
)`
	const conversions = `
INSERT INTO conversions (org_id, program_id, time, event_id, source, kafka_topic, kafka_partition, kafka_offset, conversion_id, customer_id, visitor_id, kind, order_id, verdict,
    amount_minor, currency, day, claims, kafka_incarnation, batch, ingested, lease_until)
SELECT org_id, program_id, time, event_id, source, kafka_topic, kafka_partition, kafka_offset, event_id, concat('c-', event_id), visitor_id, 'sale', event_id, 'attributed',
    1000, 'USD', day, 3, kafka_incarnation, batch, ingested, now64(3) + INTERVAL 1 DAY
FROM clicks WHERE kafka_offset % 20 = 0`
	const rewards = `
INSERT INTO rewards (org_id, program_id, time, event_id, source, kafka_topic, kafka_partition, kafka_offset, reward_id, sequence, event_type, status, rule_id, reward, period,
    beneficiary_id, beneficiary_role, amount_minor, remaining_minor, currency, conversion_id, conversion_time, day, kafka_incarnation, batch, ingested, lease_until)
SELECT org_id, program_id, time, event_id, source, kafka_topic, kafka_partition, kafka_offset, event_id, 1, 'earned', 'approved', 'r', 'cash', 'lifetime',
    'ann', 'referee', 100, 100, 'USD', event_id, time, day, kafka_incarnation, batch, ingested, now64(3) + INTERVAL 1 DAY
FROM clicks WHERE kafka_offset % 20 = 0`
	parameters := clickhouse.WithParameters(clickhouse.Parameters{"n": strconv.Itoa(n)})
	for _, statement := range []string{made, fmt.Sprintf(accounts, seals["clicks"].expression), conversions, rewards} {
		if err := books.conn.Exec(clickhouse.Context(ctx, parameters), statement); err != nil {
			b.Fatal(err)
		}
	}
}
