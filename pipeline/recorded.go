package pipeline

import (
	"context"
	"fmt"

	"github.com/grapevinehq/grapevine/pipeline/event"
)

// RecordedBy names, for each table whose rows are events, the column that an event
// is found by beside its org and program.
var RecordedBy = map[string]string{
	"clicks":         "click_id",
	"conversions":    "conversion_id",
	"adjustments":    "conversion_id",
	"identity_links": "customer_id",
	"members":        "member_id",
	"fulfillments":   "reward_id",
}

// EventQuery names an event that a table may have a row of.
type EventQuery struct {
	OrgID, ProgramID string
	By               string // its value in the column that [RecordedBy] names
	Source, EventID  string
}

// Recorded are the books as those ask who must know whether an event was ever
// taken. The memory of events forgets after a while; the books do not.
type Recorded interface {
	// Recorded tells of each event whether the table has a row of it, all in one
	// call: answer i is that of query i.
	Recorded(ctx context.Context, table string, queries []EventQuery) ([]bool, error)
}

// FindRecorded tells which of the records that are replayed dead letters the table
// has, by index; nil when none is there. query tells what a record is found by, and
// whether it is to be asked for. Where nothing is replayed, nothing is asked.
func FindRecorded(ctx context.Context, books Recorded, table string, records []event.Record, query func(i int) (EventQuery, bool)) (map[int]bool, error) {
	var queries []EventQuery
	var at []int
	for i := range records {
		if !records[i].Replayed() {
			continue
		}
		if q, ask := query(i); ask {
			queries, at = append(queries, q), append(at, i)
		}
	}
	if len(queries) == 0 {
		return nil, nil
	}
	answers, err := books.Recorded(ctx, table, queries)
	if err != nil {
		return nil, fmt.Errorf("look %d replayed events up in table %s: %w", len(queries), table, err)
	}
	var found map[int]bool
	for j, taken := range answers {
		if taken && found == nil {
			found = make(map[int]bool)
		}
		if taken {
			found[at[j]] = true
		}
	}
	return found, nil
}
