package analytics

import (
	"context"
	"fmt"

	"github.com/ClickHouse/clickhouse-go/v2/lib/driver"

	"github.com/grapevinehq/grapevine/pipeline"
)

// Recorded implements pipeline.Recorded: whether tables have rows of events, however
// old, all in one query.
func (b *Books) Recorded(ctx context.Context, table string, queries []pipeline.EventQuery) ([]bool, error) {
	answers := make([]bool, len(queries))
	if len(queries) == 0 {
		return answers, nil
	}
	by, known := pipeline.RecordedBy[table]
	if !known {
		return nil, fmt.Errorf("the rows of table %s are no events", table)
	}
	ids := distinct(len(queries), func(i int) wanted {
		return wanted{queries[i].OrgID, queries[i].ProgramID, queries[i].By}
	})
	err := b.lookUp(ctx, recordedIn(table, by), ids, nil, func(rows driver.Rows) error {
		var w wanted
		var source, event string
		if err := rows.Scan(&w.org, &w.program, &w.id, &source, &event); err != nil {
			return err
		}
		for _, i := range ids[w] {
			answers[i] = answers[i] || queries[i].Source == source && queries[i].EventID == event
		}
		return nil
	})
	return answers, err
}

// recordedIn is the query. Tables are sorted by what events are found by; clicks
// have a projection for it.
func recordedIn(table, by string) string {
	query := fmt.Sprintf("SELECT toString(org_id), toString(program_id), %[2]s, toString(source), event_id FROM %[1]s WHERE (org_id, program_id, %[2]s) IN (SELECT o, p, id FROM wanted)", table, by)
	if table == "clicks" {
		query += ` AND click_key IN (SELECT cityHash64(o, p, id) FROM wanted)
SETTINGS min_table_rows_to_use_projection_index = 0, max_projection_rows_to_use_projection_index = 1000000000`
	}
	return query
}
