package analytics

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"math/big"

	"github.com/ClickHouse/clickhouse-go/v2"
	"github.com/ClickHouse/clickhouse-go/v2/ext"
	"github.com/ClickHouse/clickhouse-go/v2/lib/driver"

	"github.com/grapevinehq/grapevine/pipeline/event"
	"github.com/grapevinehq/grapevine/pipeline/progress"
)

// Progress reads what the books hold of a member: in all three small questions.
func (b *Books) Progress(ctx context.Context, q *progress.Question) (answer progress.Answer, err error) {
	if answer.Member, err = b.member(ctx, q.OrgID, q.MemberID); err != nil {
		return answer, err
	}
	if answer.Sums, err = b.sums(ctx, q); err != nil {
		return answer, err
	}
	answer.Rewards, err = b.rewardSums(ctx, q)
	return answer, err
}

// member is the newest update of a member, unless it was forgotten.
func (b *Books) member(ctx context.Context, orgID, memberID string) (m progress.Member, err error) {
	var status string
	var forgotten uint8
	err = b.conn.QueryRow(ctx, `SELECT status, locale, forgotten FROM members WHERE org_id = ? AND member_id = ?
		ORDER BY time DESC, kafka_partition DESC, kafka_offset DESC LIMIT 1`, orgID, memberID).Scan(&status, &m.Locale, &forgotten)
	if errors.Is(err, sql.ErrNoRows) || err == nil && forgotten == 1 {
		return progress.Member{}, nil
	}
	if err != nil {
		return m, fmt.Errorf("read member %s of %s: %w", memberID, orgID, err)
	}
	m.Known, m.Status = true, event.Status(status)
	return m, nil
}

// sums adds up, window by window, the last credit of each conversion. The Bloom
// filter by beneficiary leaves out what is nobody's of the member.
func (b *Books) sums(ctx context.Context, q *progress.Question) ([]progress.Sum, error) {
	if len(q.Windows) == 0 {
		return nil, nil
	}
	windows, err := ext.NewTable("windows", ext.Column("n", "UInt32"), ext.Column("rule", "String"), ext.Column("from", "Int64"), ext.Column("until", "Int64"))
	if err != nil {
		return nil, err
	}
	for i, w := range q.Windows {
		if err := windows.Append(uint32(i), w.RuleID, w.From, w.Until); err != nil { //nolint:gosec // a program has few rules
			return nil, err
		}
	}
	const query = `
SELECT n, kind, sum(ppm), sum(toInt128(minor))
FROM
(
    SELECT
        any(kind) AS kind, any(toUnixTimestamp64Milli(conversion_time)) AS at, argMax(rules, sequence) AS passed,
        argMax(if(counts = 1, credit_ppm, 0), sequence) AS ppm, argMax(if(counts = 1, credited_minor, 0), sequence) AS minor
    FROM credits
    WHERE org_id = ? AND program_id = ? AND beneficiary_id = ? AND role = 'referrer'
    GROUP BY conversion_id
) AS mine
ARRAY JOIN passed AS rule
INNER JOIN windows ON windows.rule = rule
WHERE from <= at AND at < until
GROUP BY n, kind
ORDER BY n, kind`
	return collect(clickhouse.Context(ctx, clickhouse.WithExternalTable(windows)), b, "credits", func(rows driver.Rows, s *progress.Sum) error {
		var n uint32
		var kind string
		s.Minor = new(big.Int)
		err := rows.Scan(&n, &kind, &s.PPM, s.Minor)
		s.Window, s.Kind = int(n), event.Kind(kind)
		return err
	}, query, q.OrgID, q.ProgramID, q.MemberID)
}

// rewardSums adds up the member's rewards as reward_balances does.
func (b *Books) rewardSums(ctx context.Context, q *progress.Question) ([]progress.Rewards, error) {
	tiers, err := ext.NewTable("asked", ext.Column("rule", "String"), ext.Column("period", "String"), ext.Column("tier", "String"))
	if err != nil {
		return nil, err
	}
	for _, t := range q.Tiers {
		if err := tiers.Append(t.RuleID, t.Period, t.TierID); err != nil {
			return nil, err
		}
	}
	const query = `
WITH mine AS (SELECT reward_id FROM rewards WHERE org_id = ? AND program_id = ? AND beneficiary_id = ?)
SELECT
    if(apart, rule, '') AS of_rule, if(apart, reward_period, '') AS of_period, if(apart, tier, '') AS of_tier, reward_currency, reward_unit,
    sum(earned), sumIf(net, last_status = 'pending'), sumIf(net, last_status = 'approved'), sum(held), sum(earned - net),
    sum(fulfilled), sum(net), greatest(sum(fulfilled) - sum(net), 0)
FROM
(
    SELECT *, (rule, reward_period, tier) IN (SELECT rule, period, tier FROM asked) AS apart
    FROM reward_standings
    WHERE org_id = ? AND program_id = ? AND reward_id IN (SELECT reward_id FROM mine)
) AS standing
LEFT JOIN
(
    SELECT reward_id, sum(amount_minor + quantity) AS fulfilled
    FROM fulfillments
    WHERE org_id = ? AND program_id = ? AND reward_id IN (SELECT reward_id FROM mine) AND event_type = 'fulfilled'
    GROUP BY reward_id
) AS outside ON outside.reward_id = standing.reward_id
GROUP BY of_rule, of_period, of_tier, reward_currency, reward_unit
ORDER BY of_rule, of_period, of_tier, reward_unit, reward_currency`
	return collect(clickhouse.Context(ctx, clickhouse.WithExternalTable(tiers)), b, "rewards", func(rows driver.Rows, r *progress.Rewards) error {
		return rows.Scan(&r.Of.RuleID, &r.Of.Period, &r.Of.TierID, &r.Currency, &r.Unit,
			&r.Earned, &r.Pending, &r.Approved, &r.Balance.Held, &r.Reversed, &r.Fulfilled, &r.Net, &r.Overpaid)
	}, query, q.OrgID, q.ProgramID, q.MemberID, q.OrgID, q.ProgramID, q.OrgID, q.ProgramID)
}

// MemberPrograms are the programs in which somebody has credits or rewards; an
// empty orgID or programID is any.
func (b *Books) MemberPrograms(ctx context.Context, orgID, programID, memberID string) ([]ProgramID, error) {
	return selected[ProgramID](ctx, b, "credits and rewards", `
		SELECT DISTINCT org_id, program_id
		FROM
		(
			SELECT org_id, program_id FROM credits WHERE beneficiary_id = ?
			UNION ALL
			SELECT org_id, program_id FROM rewards WHERE beneficiary_id = ?
		)
		WHERE (org_id = ? OR ? = '') AND (program_id = ? OR ? = '') ORDER BY org_id, program_id`,
		memberID, memberID, orgID, orgID, programID, programID)
}
