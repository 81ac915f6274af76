package analytics

import (
	"context"
	"math"

	"github.com/ClickHouse/clickhouse-go/v2/lib/driver"

	"github.com/grapevinehq/grapevine/pipeline/attribution"
)

// The condition on one column comes first: it costs half of comparing triples,
// and few rows are left for those. The triples still choose the granules.
const findByVisitor = `
SELECT org_id, program_id, visitor_id, toUnixTimestamp64Milli(time), click_id, referrer_id
FROM clicks
PREWHERE visitor_id IN (SELECT id FROM wanted)
WHERE (org_id, program_id, visitor_id) IN (SELECT o, p, id FROM wanted)
  AND verdict = 'unique' AND toUnixTimestamp64Milli(time) BETWEEN ? AND ?`

// The projection by_click_id finds the rows of a hash; the triple makes it exact.
const findByClickID = `
SELECT org_id, program_id, click_id, toUnixTimestamp64Milli(time), click_id, referrer_id
FROM clicks
WHERE click_key IN (SELECT cityHash64(o, p, id) FROM wanted)
  AND (org_id, program_id, click_id) IN (SELECT o, p, id FROM wanted)
  AND verdict = 'unique'
SETTINGS min_table_rows_to_use_projection_index = 0, max_projection_rows_to_use_projection_index = 1000000000`

// span is the time that a query asks for, both ends included, in milliseconds
// since the epoch.
type span struct{ from, to int64 }

// ByVisitor finds the touches of visitors, all in one query, which it may share
// with other callers.
func (b *Books) ByVisitor(ctx context.Context, queries []attribution.VisitorQuery) ([][]attribution.Touch, error) {
	return b.visitors.ask(ctx, queries)
}

// ByClickID finds the touches of click ids, likewise.
func (b *Books) ByClickID(ctx context.Context, queries []attribution.ClickQuery) ([][]attribution.Touch, error) {
	return b.clickIDs.ask(ctx, queries)
}

func (b *Books) byVisitor(ctx context.Context, queries []attribution.VisitorQuery) ([][]attribution.Touch, error) {
	ids := distinct(len(queries), func(i int) wanted {
		return wanted{queries[i].OrgID, queries[i].ProgramID, queries[i].VisitorID}
	})
	all := span{math.MaxInt64, math.MinInt64}
	for i := range queries {
		all.from, all.to = min(all.from, queries[i].From), max(all.to, queries[i].To)
	}
	return b.touches(ctx, findByVisitor, ids, len(queries), []any{all.from, all.to}, func(i int, t *attribution.Touch) bool {
		return queries[i].From <= t.Time && t.Time <= queries[i].To
	})
}

func (b *Books) byClickID(ctx context.Context, queries []attribution.ClickQuery) ([][]attribution.Touch, error) {
	ids := distinct(len(queries), func(i int) wanted {
		return wanted{queries[i].OrgID, queries[i].ProgramID, queries[i].ClickID}
	})
	return b.touches(ctx, findByClickID, ids, len(queries), nil, func(int, *attribution.Touch) bool { return true })
}

// touches answers n queries with what ClickHouse finds for all of them, each with
// what it asks for.
func (b *Books) touches(
	ctx context.Context, query string, ids map[wanted][]int, n int, args []any, asks func(i int, t *attribution.Touch) bool,
) ([][]attribution.Touch, error) {
	answers := make([][]attribution.Touch, n)
	if n == 0 {
		return answers, nil
	}
	err := b.lookUp(ctx, query, ids, args, func(rows driver.Rows) error {
		var w wanted
		var t attribution.Touch
		if err := rows.Scan(&w.org, &w.program, &w.id, &t.Time, &t.ClickID, &t.ReferrerID); err != nil {
			return err
		}
		for _, i := range ids[w] {
			if asks(i, &t) {
				answers[i] = append(answers[i], t)
			}
		}
		return nil
	})
	return answers, err
}
