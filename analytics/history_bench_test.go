package analytics

import (
	"fmt"
	"path/filepath"
	"runtime"
	"runtime/debug"
	"testing"
	"time"

	"github.com/ClickHouse/clickhouse-go/v2"

	"github.com/grapevinehq/grapevine/config"
	"github.com/grapevinehq/grapevine/internal/engine"
	"github.com/grapevinehq/grapevine/internal/enginetest"
	"github.com/grapevinehq/grapevine/pipeline/backtest"
)

// recordedRows make a history of n conversions of the example's us-store: five of a
// customer, 500 a batch in eight partitions, each by one click of one of 10,000
// members, and as many credits and rewards.
var recordedRows = []string{
	`INSERT INTO members (org_id, program_id, time, event_id, source, kafka_topic, kafka_partition, kafka_offset, kafka_incarnation, batch, ingested, lease_until,
		member_id, status, forgotten, referral_codes, coupon_codes, segments, attributes, locale, currency, email_hash)
	SELECT 'acme', '', at - INTERVAL 200 DAY, toString(number), 'bench', 'm', number % 8, intDiv(number, 8), 'i', 1 + intDiv(number, 8000), at, now() + INTERVAL 1 DAY,
		concat('member-', toString(number)), 'active', 0, [], [], [], '{"plan":"gold"}', 'en', 'USD', ''
	FROM (SELECT number, toDateTime64('2026-09-01 00:00:00', 3, 'UTC') AS at FROM numbers(10000))`,
	`INSERT INTO clicks (org_id, program_id, time, event_id, source, kafka_topic, kafka_partition, kafka_offset, kafka_incarnation, batch, ingested, lease_until,
		click_id, referrer_id, visitor_id, actor_hash, link_id, campaign_id, channel, country, locale, landing_url, referer_url, verdict, reason, currency, day, metadata)
	SELECT 'acme', 'us-store', at, concat('k', toString(number)), 'bench', 'c', number % 8, intDiv(number, 8), 'i', 1 + intDiv(number, 160000), at, now() + INTERVAL 1 DAY,
		concat('k', toString(number)), concat('member-', toString(intDiv(number, 5) % 10000)), concat('v', toString(number)), '', 'l', '', '', '', '', '', '', 'unique', '', 'USD', toDate32(at), map()
	FROM (SELECT number, toDateTime64('2026-09-02 00:00:00', 3, 'UTC') + toIntervalMillisecond(number) AS at FROM numbers({n:UInt64}))`,
	`INSERT INTO conversions (org_id, program_id, time, event_id, source, kafka_topic, kafka_partition, kafka_offset, kafka_incarnation, batch, ingested, lease_until,
		conversion_id, customer_id, visitor_id, click_id, email_hash, kind, name, order_id, coupon_code, verdict, reason, original_amount_minor, original_currency, amount_minor, currency,
		program_version, config_revision, day, metadata, candidates, skipped, touched_at, clicks_seen, members_seen)
	SELECT 'acme', 'us-store', at, concat('cv-', toString(number)), 'bench', 'v', intDiv(number, 5) % 8, number, 'i', 1 + intDiv(number, 4000), at, now() + INTERVAL 1 DAY,
		concat('cv-', toString(number)), concat('customer-', toString(intDiv(number, 5))), concat('v', toString(number)), '', '', 'sale', '', concat('o', toString(number)), '', 'attributed', '', 1000 + number % 9000, 'USD', 1000 + number % 9000, 'USD',
		'', '', toDate32(at), map(), [concat('touch/member-', toString(intDiv(number, 5) % 10000), '/k', toString(number))], [''], [at], arrayMap(x -> toUInt64(1000000), range(8)), arrayMap(x -> toUInt64(2), range(8))
	FROM (SELECT number, toDateTime64('2026-09-20 00:00:00', 3, 'UTC') + toIntervalMillisecond(intDiv(number, 4000) * 200) AS at FROM numbers({n:UInt64}))`,
	`INSERT INTO credits (org_id, program_id, time, event_id, source, kafka_topic, kafka_partition, kafka_offset, kafka_incarnation, batch, ingested, lease_until,
		conversion_id, sequence, role, beneficiary_id, customer_id, kind, name, conversion_time, decided_at, locale, currency, amount_minor, net_minor, counts, credit_ppm, credited_minor, shares, share_index, rules)
	SELECT 'acme', 'us-store', at, concat('cv-', toString(number), '/0/referrer/', member), 'bench', 'r', intDiv(number, 5) % 8, number, 'i', 1 + intDiv(number, 8000), at + INTERVAL 1 SECOND, now() + INTERVAL 1 DAY,
		concat('cv-', toString(number)), 0, 'referrer', member, '', 'sale', '', at, at, 'en', 'USD', 0, 0, 1, 1000000, 0, [1000000], 0, []
	FROM (SELECT number, concat('member-', toString(intDiv(number, 5) % 10000)) AS member, toDateTime64('2026-09-20 00:00:00', 3, 'UTC') + toIntervalMillisecond(intDiv(number, 4000) * 200) AS at FROM numbers({n:UInt64}))`,
}

// BenchmarkBacktest runs b.N conversions with every rule of the example's us-store,
// so that -benchtime 1000000x is a million, and tells what they cost: this process
// and the server share the machine.
func BenchmarkBacktest(b *testing.B) {
	catalog, err := config.LoadPrograms(filepath.Join("..", "examples", "programs.yaml"))
	if err != nil {
		b.Fatal(err)
	}
	server := enginetest.ClickHouseAlone(b, engine.ClickHouseOptions{})
	books := openedAt(b, Options{Addr: []string{server.Addr}, Database: "bench"})
	for _, query := range recordedRows {
		ctx := clickhouse.Context(b.Context(), clickhouse.WithParameters(clickhouse.Parameters{"n": fmt.Sprint(b.N)}))
		if err := books.conn.Exec(ctx, query); err != nil {
			b.Fatal(err)
		}
	}
	defer debug.SetGCPercent(debug.SetGCPercent(50)) // as the command does
	peak := make(chan uint64)
	done := make(chan struct{})
	go watchHeap(done, peak)
	there, here := cpuOf(b, server.PID()), cpuOfMe(b)
	b.ResetTimer()
	report, err := backtest.Run(b.Context(), backtest.Options{History: books.History(), Catalog: catalog, Window: backtest.Always, Top: 10, Now: time.Now().UnixMilli()})
	b.StopTimer()
	close(done)
	if err != nil || report.Conversions != b.N || len(report.Rules) == 0 {
		b.Fatalf("%+v %v", report, err)
	}
	millions := float64(b.N) / 1e6
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "conversions/s")
	b.ReportMetric((cpuOf(b, server.PID())-there).Seconds()/millions, "server-s/M")
	b.ReportMetric((cpuOfMe(b)-here).Seconds()/millions, "client-s/M")
	b.ReportMetric(float64(<-peak)/float64(b.N), "heap-B/conversion")
	b.ReportMetric(0, "ns/op")
}

// watchHeap tells the most memory that the process has taken from the system for its
// heap.
func watchHeap(done <-chan struct{}, peak chan<- uint64) {
	ticker := time.NewTicker(200 * time.Millisecond)
	defer ticker.Stop()
	var most uint64
	for {
		var m runtime.MemStats
		runtime.ReadMemStats(&m)
		most = max(most, m.HeapSys-m.HeapReleased)
		select {
		case <-ticker.C:
		case <-done:
			peak <- most
			return
		}
	}
}
