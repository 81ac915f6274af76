package analytics

import (
	"context"

	"github.com/ClickHouse/clickhouse-go/v2/lib/driver"

	"github.com/grapevinehq/grapevine/pipeline/event"
	"github.com/grapevinehq/grapevine/pipeline/stage/fulfillments"
)

var _ fulfillments.Rewards = (*Books)(nil)

// Rewards tells what is left of rewards and what of them was fulfilled, all in
// one query.
func (b *Books) Rewards(ctx context.Context, queries []fulfillments.RewardQuery) ([]fulfillments.Reward, error) {
	answers := make([]fulfillments.Reward, len(queries))
	if len(queries) == 0 {
		return answers, nil
	}
	ids := distinct(len(queries), func(i int) wanted {
		return wanted{queries[i].OrgID, queries[i].ProgramID, queries[i].RewardID}
	})
	// A reward is named as in its first event: a later one of a bracket may have
	// been caused by another conversion.
	const query = `
SELECT org_id, program_id, reward_id, max(known), max(beneficiary), max(currency), max(unit), sum(remaining), sum(fulfilled),
    max(role), max(rule), max(own), max(tier), max(in_period), max(nth), max(conversion)
FROM
(
    SELECT org_id, program_id, reward_id, toUInt8(1) AS known, any(beneficiary_id) AS beneficiary, toString(any(currency)) AS currency, toString(any(unit)) AS unit,
        argMax(remaining_minor + remaining_quantity, sequence) AS remaining, toInt64(0) AS fulfilled,
        toString(any(beneficiary_role)) AS role, toString(any(rule_id)) AS rule, toString(any(reward)) AS own, toString(any(tier_id)) AS tier,
        toString(any(period)) AS in_period, any(occurrence) AS nth, argMin(conversion_id, sequence) AS conversion
    FROM rewards
    WHERE (org_id, program_id, reward_id) IN (SELECT o, p, id FROM wanted)
    GROUP BY org_id, program_id, reward_id
    UNION ALL
    SELECT org_id, program_id, reward_id, toUInt8(0), '', '', '', toInt64(0), sum(amount_minor + quantity), '', '', '', '', '', toInt64(0), ''
    FROM fulfillments
    WHERE (org_id, program_id, reward_id) IN (SELECT o, p, id FROM wanted) AND event_type = 'fulfilled'
    GROUP BY org_id, program_id, reward_id
)
GROUP BY org_id, program_id, reward_id`
	err := b.lookUp(ctx, query, ids, nil, func(rows driver.Rows) error {
		var w wanted
		var known uint8
		var r fulfillments.Reward
		var role string
		if err := rows.Scan(&w.org, &w.program, &w.id, &known, &r.BeneficiaryID, &r.Currency, &r.Unit, &r.Remaining, &r.Fulfilled,
			&role, &r.RuleID, &r.OwnID, &r.TierID, &r.Period, &r.Occurrence, &r.ConversionID); err != nil {
			return err
		}
		r.Known, r.Role = known == 1, event.Role(role)
		for _, i := range ids[w] {
			answers[i] = r
		}
		return nil
	})
	return answers, err
}
