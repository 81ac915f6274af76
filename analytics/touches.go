package analytics

import (
	"context"

	"github.com/ClickHouse/clickhouse-go/v2/lib/driver"

	"github.com/grapevinehq/grapevine/pipeline/attribution"
)

// The condition on one column comes first: it costs half of comparing triples,
// and few rows are left for those. The triples still choose the granules.
const byVisitor = `
SELECT org_id, program_id, visitor_id, toUnixTimestamp64Milli(time), click_id, referrer_id
FROM clicks
PREWHERE visitor_id IN (SELECT id FROM wanted)
WHERE (org_id, program_id, visitor_id) IN (SELECT o, p, id FROM wanted)
  AND verdict = 'unique' AND toUnixTimestamp64Milli(time) BETWEEN ? AND ?`

// The projection by_click_id finds the rows of a hash; the triple makes it exact.
const byClickID = `
SELECT org_id, program_id, click_id, toUnixTimestamp64Milli(time), click_id, referrer_id
FROM clicks
WHERE click_key IN (SELECT cityHash64(o, p, id) FROM wanted)
  AND (org_id, program_id, click_id) IN (SELECT o, p, id FROM wanted)
  AND verdict = 'unique' AND toUnixTimestamp64Milli(time) BETWEEN ? AND ?
SETTINGS min_table_rows_to_use_projection_index = 0, max_projection_rows_to_use_projection_index = 1000000000`

// span is the time that a query asks for, both ends included, in milliseconds
// since the epoch.
type span struct{ from, to int64 }

// ByVisitor finds the touches of visitors, all in one query.
func (b *Books) ByVisitor(ctx context.Context, queries []attribution.VisitorQuery) ([][]attribution.Touch, error) {
	ids := distinct(len(queries), func(i int) wanted {
		return wanted{queries[i].OrgID, queries[i].ProgramID, queries[i].VisitorID}
	})
	return b.touches(ctx, byVisitor, ids, len(queries), func(i int) span { return span{queries[i].From, queries[i].To} })
}

// ByClickID finds the touches of click ids, all in one query.
func (b *Books) ByClickID(ctx context.Context, queries []attribution.ClickQuery) ([][]attribution.Touch, error) {
	ids := distinct(len(queries), func(i int) wanted {
		return wanted{queries[i].OrgID, queries[i].ProgramID, queries[i].ClickID}
	})
	return b.touches(ctx, byClickID, ids, len(queries), func(i int) span { return span{queries[i].From, queries[i].To} })
}

// touches answers n queries: ClickHouse by the span of all of them, and each
// query then by its own.
func (b *Books) touches(ctx context.Context, query string, ids map[wanted][]int, n int, spanOf func(i int) span) ([][]attribution.Touch, error) {
	answers := make([][]attribution.Touch, n)
	if n == 0 {
		return answers, nil
	}
	all := spanOf(0)
	for i := range n {
		s := spanOf(i)
		all.from, all.to = min(all.from, s.from), max(all.to, s.to)
	}
	err := b.lookUp(ctx, query, ids, []any{all.from, all.to}, func(rows driver.Rows) error {
		var w wanted
		var t attribution.Touch
		if err := rows.Scan(&w.org, &w.program, &w.id, &t.Time, &t.ClickID, &t.ReferrerID); err != nil {
			return err
		}
		for _, i := range ids[w] {
			if s := spanOf(i); s.from <= t.Time && t.Time <= s.to {
				answers[i] = append(answers[i], t)
			}
		}
		return nil
	})
	return answers, err
}
