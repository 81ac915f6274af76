package analytics

import (
	"context"

	"github.com/ClickHouse/clickhouse-go/v2/lib/driver"

	"github.com/grapevinehq/grapevine/pipeline/backtest"
)

const touchOf = "SELECT " + originOf + ", toString(program_id), visitor_id, click_id, referrer_id, toUnixTimestamp64Milli(time) FROM clicks"

// VisitorTouches implements backtest.History.
func (h *History) VisitorTouches(ctx context.Context, org string, from, to int64, visitors []backtest.Named) ([]backtest.Touch, error) {
	const query = touchOf + `
		PREWHERE visitor_id IN (SELECT id FROM wanted)
		WHERE (org_id, program_id, visitor_id) IN (SELECT o, p, id FROM wanted)
		  AND verdict = 'unique' AND toUnixTimestamp64Milli(time) BETWEEN ? AND ?`
	return h.touches(ctx, query, org, visitors, from, to)
}

// ClickTouches implements backtest.History.
func (h *History) ClickTouches(ctx context.Context, org string, clicks []backtest.Named) ([]backtest.Touch, error) {
	const query = touchOf + `
		WHERE click_key IN (SELECT cityHash64(o, p, id) FROM wanted)
		  AND (org_id, program_id, click_id) IN (SELECT o, p, id FROM wanted)
		  AND verdict = 'unique'
		SETTINGS min_table_rows_to_use_projection_index = 0, max_projection_rows_to_use_projection_index = 1000000000`
	return h.touches(ctx, query, org, clicks)
}

func (h *History) touches(ctx context.Context, query, org string, names []backtest.Named, args ...any) (list []backtest.Touch, err error) {
	ids := distinct(len(names), func(i int) wanted { return wanted{org, names[i].ProgramID, names[i].ID} })
	err = h.books.lookUp(ctx, query, ids, args, func(rows driver.Rows) error {
		var t backtest.Touch
		err := scanOrigin(rows, &t.Origin, &t.ProgramID, &t.VisitorID, &t.ClickID, &t.ReferrerID, &t.Time)
		list = append(list, t)
		return err
	})
	return list, err
}
