package analytics

import (
	"context"

	"github.com/ClickHouse/clickhouse-go/v2/lib/driver"

	"github.com/grapevinehq/grapevine/pipeline/event"
	"github.com/grapevinehq/grapevine/pipeline/stage/conversions"
)

// Conversions tells what the books hold of conversion ids, all in one query.
func (b *Books) Conversions(ctx context.Context, queries []conversions.ConversionQuery) ([]conversions.Stored, error) {
	answers := make([]conversions.Stored, len(queries))
	if len(queries) == 0 {
		return answers, nil
	}
	ids := distinct(len(queries), func(i int) wanted {
		return wanted{queries[i].OrgID, queries[i].ProgramID, queries[i].ConversionID}
	})
	const query = `
SELECT org_id, program_id, conversion_id, customer_id, verdict IN ('attributed', 'unattributed')
FROM conversions
WHERE (org_id, program_id, conversion_id) IN (SELECT o, p, id FROM wanted) AND verdict != 'inactive'`
	err := b.lookUp(ctx, query, ids, nil, func(rows driver.Rows) error {
		var w wanted
		var customer string
		var counted uint8
		if err := rows.Scan(&w.org, &w.program, &w.id, &customer, &counted); err != nil {
			return err
		}
		for _, i := range ids[w] {
			answers[i].Claimed = true
			if counted == 1 {
				answers[i].CustomerID = customer
			}
		}
		return nil
	})
	return answers, err
}

// Taken tells of each credit whether the table credits holds it, all in one query.
func (b *Books) Taken(ctx context.Context, credits []*event.Credit) ([]bool, error) {
	taken := make([]bool, len(credits))
	if len(credits) == 0 {
		return taken, nil
	}
	ids := distinct(len(credits), func(i int) wanted {
		return wanted{credits[i].OrgID, credits[i].ProgramID, credits[i].ConversionID}
	})
	const query = `
SELECT org_id, program_id, conversion_id, sequence, role, beneficiary_id
FROM credits
WHERE (org_id, program_id, conversion_id) IN (SELECT o, p, id FROM wanted)`
	err := b.lookUp(ctx, query, ids, nil, func(rows driver.Rows) error {
		var w wanted
		var sequence int64
		var role, beneficiary string
		if err := rows.Scan(&w.org, &w.program, &w.id, &sequence, &role, &beneficiary); err != nil {
			return err
		}
		for _, i := range ids[w] {
			c := credits[i]
			if c.Sequence == sequence && string(c.Role) == role && c.BeneficiaryID == beneficiary {
				taken[i] = true
			}
		}
		return nil
	})
	return taken, err
}
