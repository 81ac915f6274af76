package analytics

import (
	"context"
	"math"

	"github.com/ClickHouse/clickhouse-go/v2/lib/driver"

	"github.com/grapevinehq/grapevine/pipeline/backtest"
)

// countRows counts what a history reads by the time of its batch.
const countRows = `
    SELECT ingested AS t, count() AS n FROM conversions WHERE org_id = {org:String} GROUP BY t
    UNION ALL SELECT ingested AS t, count() AS n FROM adjustments WHERE org_id = {org:String} GROUP BY t
    UNION ALL SELECT ingested AS t, count() AS n FROM identity_links WHERE org_id = {org:String} GROUP BY t
    UNION ALL SELECT ingested AS t, count() AS n FROM waiting_log WHERE org_id = {org:String} GROUP BY t
    UNION ALL SELECT ingested AS t, count() AS n FROM members WHERE org_id = {org:String} GROUP BY t
    UNION ALL SELECT ingested AS t, count() AS n FROM fulfillments WHERE org_id = {org:String} AND event_type = 'decided' GROUP BY t
    UNION ALL SELECT decided_at AS t, count() AS n FROM credits WHERE org_id = {org:String} GROUP BY t
    UNION ALL SELECT ingested AS t, uniqExact(kafka_partition, batch) AS n FROM credits WHERE org_id = {org:String} GROUP BY t`

const countClicks = `
    UNION ALL SELECT ingested AS t, uniqExact(kafka_partition, batch, referrer_id) AS n FROM clicks WHERE org_id = {org:String} AND verdict = 'unique' GROUP BY t`

// Spans implements backtest.History.
func (h *History) Spans(ctx context.Context, org string, rows int, clicks bool) ([]backtest.Span, error) {
	query := countRows
	if clicks {
		query += countClicks
	}
	cut := cutter{org: org, most: rows}
	err := h.each(ctx, "how many rows there are", "SELECT toUnixTimestamp64Milli(t), toInt64(sum(n)) FROM ("+query+") GROUP BY t ORDER BY t", func(found driver.Rows) error {
		var at, n int64
		err := found.Scan(&at, &n)
		cut.add(at, int(n))
		return err
	}, driver.NamedValue{Name: "org", Value: org})
	return cut.spans, err
}

// cutter cuts a history where enough rows have come together.
type cutter struct {
	org   string
	most  int
	spans []backtest.Span
}

// add adds rows of a time, later than all before.
func (c *cutter) add(at int64, n int) {
	last := len(c.spans) - 1
	if last < 0 || c.spans[last].Rows > 0 && c.spans[last].Rows+n > c.most {
		from := int64(math.MinInt32) * 1000 // before every batch
		if last >= 0 {
			from = at
			c.spans[last].To = at
		}
		c.spans = append(c.spans, backtest.Span{Org: c.org, From: from})
		last++
	}
	c.spans[last].Rows += n
	c.spans[last].To = at + 1
}
