-- The leaderboard. Clicks come from the projection by_referrer; conversions and
-- revenue from the last credit of each conversion, which is net of adjustments. A
-- referrer of whom nothing is left, as all conversions were cancelled, has no row.
CREATE OR REPLACE VIEW referrer_totals
(
    org_id            String  COMMENT 'Organisation',
    program_id        String  COMMENT 'Program of the organisation',
    referrer_id       String  COMMENT 'Member who shared the links',
    clicks            UInt64  COMMENT 'Stored clicks, whatever their verdict',
    unique_clicks     UInt64  COMMENT 'Clicks that count',
    conversions       Float64 COMMENT 'Sum of the credits of conversions that count, 1 for a whole conversion',
    revenue_minor     Int64   COMMENT 'Credited net revenue, in minor units of the currency of the program',
    rewards_earned    UInt64  COMMENT 'Rewards to the referrer whose net value is above 0 now',
    reward_cost_minor Int64   COMMENT 'Net money rewards to the referrer, in minor units'
)
SQL SECURITY INVOKER
AS SELECT
    org_id,
    program_id,
    referrer_id,
    sum(n) AS clicks,
    sum(n_unique) AS unique_clicks,
    sum(ppm) / 1000000 AS conversions,
    sum(net) AS revenue_minor,
    sum(rewarded) AS rewards_earned,
    sum(cost) AS reward_cost_minor
FROM
(
    SELECT
        org_id, program_id, referrer_id, n, n_unique,
        toInt64(0) AS ppm, toInt64(0) AS net, toUInt64(0) AS rewarded, toInt64(0) AS cost
    FROM
    (
        SELECT org_id, program_id, referrer_id, count() AS n, countIf(verdict = 'unique') AS n_unique
        FROM clicks
        GROUP BY org_id, program_id, referrer_id
    )
    UNION ALL
    SELECT
        org_id, program_id, beneficiary_id, toUInt64(0), toUInt64(0),
        argMax(if(counts, credit_ppm, 0), sequence), argMax(credited_minor, sequence), toUInt64(0), toInt64(0)
    FROM credits
    WHERE role = 'referrer'
    GROUP BY org_id, program_id, beneficiary_id, conversion_id
    UNION ALL
    SELECT
        org_id, program_id, beneficiary, toUInt64(0), toUInt64(0),
        toInt64(0), toInt64(0), toUInt64(net > 0), if(reward_currency != '', net, 0)
    FROM reward_standings
    WHERE role IN ('referrer', 'member')
)
GROUP BY org_id, program_id, referrer_id
HAVING clicks != 0 OR conversions != 0 OR revenue_minor != 0 OR rewards_earned != 0 OR reward_cost_minor != 0
COMMENT 'Every referrer of a program: conversions is the sum of credits that count, revenue_minor the credited net revenue, reward_cost_minor the net money rewards to that referrer';
