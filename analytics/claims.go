package analytics

import (
	"context"

	"github.com/ClickHouse/clickhouse-go/v2/lib/driver"

	"github.com/grapevinehq/grapevine/pipeline/stage/conversions"
)

const findClaimedConversions = `
SELECT org_id, program_id, conversion_id
FROM conversions
WHERE (org_id, program_id, conversion_id) IN (SELECT o, p, id FROM wanted) AND bitTest(claims, 0)`

// The projection by_order finds the rows of a hash; the triple makes it exact.
const findClaimedOrders = `
SELECT org_id, program_id, concat(kind, '/', order_id) AS id
FROM conversions
WHERE order_key IN (SELECT cityHash64(o, p, id) FROM wanted)
  AND (org_id, program_id, id) IN (SELECT o, p, id FROM wanted) AND bitTest(claims, 1)
SETTINGS min_table_rows_to_use_projection_index = 0, max_projection_rows_to_use_projection_index = 1000000000`

// Claimed tells of ids whether a conversion that the books hold claimed them, all
// in one query by kind of id, which it may share with other callers.
func (b *Books) Claimed(ctx context.Context, queries []conversions.ClaimQuery) ([]bool, error) {
	return b.claims.ask(ctx, queries)
}

func (b *Books) claimed(ctx context.Context, queries []conversions.ClaimQuery) ([]bool, error) {
	ids, orders := make(map[wanted][]int), make(map[wanted][]int)
	for i, q := range queries {
		if q.Kind == "" {
			w := wanted{q.OrgID, q.ProgramID, q.ID}
			ids[w] = append(ids[w], i)
			continue
		}
		w := wanted{q.OrgID, q.ProgramID, string(q.Kind) + "/" + q.ID}
		orders[w] = append(orders[w], i)
	}
	found := make([]bool, len(queries))
	if err := b.findClaimed(ctx, findClaimedConversions, ids, found); err != nil {
		return nil, err
	}
	return found, b.findClaimed(ctx, findClaimedOrders, orders, found)
}

// findClaimed marks the queries whose ids have a row.
func (b *Books) findClaimed(ctx context.Context, query string, ids map[wanted][]int, found []bool) error {
	if len(ids) == 0 {
		return nil
	}
	return b.lookUp(ctx, query, ids, nil, func(rows driver.Rows) error {
		var w wanted
		if err := rows.Scan(&w.org, &w.program, &w.id); err != nil {
			return err
		}
		for _, i := range ids[w] {
			found[i] = true
		}
		return nil
	})
}
