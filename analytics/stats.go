package analytics

import (
	"context"
	"math"
	"math/big"
	"strings"

	"github.com/ClickHouse/clickhouse-go/v2/lib/driver"

	"github.com/grapevinehq/grapevine/pipeline/program"
	"github.com/grapevinehq/grapevine/pipeline/reward"
	"github.com/grapevinehq/grapevine/pipeline/stage/conversions"
)

// ofCredits are the figures that credits tell: the last credit of a conversion says
// how it stands. The projection by_beneficiary has those of a member side by side.
const ofCredits = `
    SELECT org_id, beneficiary_id AS who, argMax(if(counts, credit_ppm, 0), sequence) AS ppm, argMax(if(counts, credited_minor, 0), sequence) AS minor,
        toUInt64(0) AS clicks, maxIf(toUnixTimestamp64Milli(conversion_time), counts) AS latest
    FROM credits
    WHERE (org_id, beneficiary_id) IN (SELECT o, id FROM wanted) AND role = 'referrer'
    GROUP BY org_id, beneficiary_id, program_id, conversion_id`

// ofClicks are the unique clicks. The projection by_referrer has their sums.
const ofClicks = `
    SELECT org_id, referrer_id AS who, toInt64(0) AS ppm, toInt64(0) AS minor, countIf(verdict = 'unique') AS clicks, toInt64(0) AS latest
    FROM clicks
    WHERE (org_id, referrer_id) IN (SELECT o, id FROM wanted)
    GROUP BY org_id, referrer_id`

// Stats adds up what is asked for of members, all in one query: the figures of
// `stats` in their orgs (contract §5).
func (b *Books) Stats(ctx context.Context, of program.Stats, queries []conversions.StatsQuery) ([]conversions.Stats, error) {
	answers := make([]conversions.Stats, len(queries))
	var parts []string
	if of&^program.StatUniqueClicks != 0 {
		parts = append(parts, ofCredits)
	}
	if of&program.StatUniqueClicks != 0 {
		parts = append(parts, ofClicks)
	}
	if len(queries) == 0 || len(parts) == 0 {
		return answers, nil
	}
	ids := distinct(len(queries), func(i int) wanted { return wanted{org: queries[i].OrgID, id: queries[i].MemberID} })
	query := `
SELECT org_id, who, sum(ppm), sum(toInt128(minor)), toInt64(sum(clicks)), max(latest)
FROM
(` + strings.Join(parts, "\n    UNION ALL") + `
)
GROUP BY org_id, who`
	err := b.lookUp(ctx, query, ids, nil, func(rows driver.Rows) error {
		var w wanted
		var s conversions.Stats
		var minor big.Int
		if err := rows.Scan(&w.org, &w.id, &s.ConversionsPPM, &minor, &s.UniqueClicks, &s.LastConversionAt); err != nil {
			return err
		}
		s.RevenueMinor = math.MaxInt64 // what no integer of 64 bits holds ends there
		if minor.IsInt64() {
			s.RevenueMinor = minor.Int64()
		}
		for _, i := range ids[w] {
			answers[i] = s
		}
		return nil
	})
	return answers, err
}

// UniqueClicks counts the unique clicks of each member over all programs of their
// org, all in one query.
func (b *Books) UniqueClicks(ctx context.Context, members []reward.Person) ([]int64, error) {
	queries := make([]conversions.StatsQuery, len(members))
	for i, m := range members {
		queries[i] = conversions.StatsQuery{OrgID: m.OrgID, MemberID: m.ID}
	}
	stats, err := b.Stats(ctx, program.StatUniqueClicks, queries)
	counts := make([]int64, len(members))
	for i, s := range stats {
		counts[i] = s.UniqueClicks
	}
	return counts, err
}
