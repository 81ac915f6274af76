-- Who is in a segment now, and what these members brought as referrers, ever: also
-- before they entered it. Members of an organisation are in its segments, whatever the
-- program. A segment of which nobody did anything in a program has no row there.
CREATE OR REPLACE VIEW segment_performance
(
    org_id            String            COMMENT 'Organisation',
    program_id        String            COMMENT 'Program of the organisation',
    segment_id        String            COMMENT 'Segment of the organisation',
    members           UInt64            COMMENT 'Members who are in the segment now, whether they did anything in the program or not',
    referrers         UInt64            COMMENT 'Those of them with a row in referrer_totals of the program',
    clicks            UInt64            COMMENT 'Stored clicks on their links, whatever their verdict',
    unique_clicks     UInt64            COMMENT 'Those of them that count',
    conversions       Float64           COMMENT 'Sum of their credits of conversions that count now, 1 for a whole conversion',
    revenue_minor     Int64             COMMENT 'Net revenue credited to them, in minor units of the currency of the program',
    rewards_earned    UInt64            COMMENT 'Rewards to them whose net value is above 0 now',
    reward_cost_minor Int64             COMMENT 'Net money rewards to them, in minor units of the currency of the program',
    conversion_rate   Nullable(Float64) COMMENT 'conversions / unique_clicks; null without unique clicks'
)
SQL SECURITY INVOKER
AS SELECT
    org_id,
    program_id,
    segment_id,
    any(size) AS members,
    count() AS referrers,
    sum(t_clicks) AS clicks,
    sum(t_unique) AS unique_clicks,
    toFloat64(sum(t_ppm)) / 1000000 AS conversions,
    sum(t_revenue) AS revenue_minor,
    sum(t_rewards) AS rewards_earned,
    sum(t_cost) AS reward_cost_minor,
    if(unique_clicks = 0, NULL, conversions / unique_clicks) AS conversion_rate
FROM
(
    SELECT
        org_id, program_id, referrer_id, clicks AS t_clicks, unique_clicks AS t_unique, toInt64(round(conversions * 1000000)) AS t_ppm,
        revenue_minor AS t_revenue, rewards_earned AS t_rewards, reward_cost_minor AS t_cost
    FROM referrer_totals
) AS totals
INNER JOIN
(
    SELECT org_id AS of_org, segment_id, member_id, size
    FROM
    (
        SELECT org_id, segment_id, groupArray(member_id) AS inside, count() AS size
        FROM
        (
            SELECT org_id, segment_id, member_id
            FROM segment_events
            GROUP BY org_id, segment_id, member_id
            HAVING argMax(event_type, sequence) = 'entered'
        )
        GROUP BY org_id, segment_id
    )
    ARRAY JOIN inside AS member_id
) AS insiders ON of_org = org_id AND member_id = referrer_id
GROUP BY org_id, program_id, segment_id
COMMENT 'What the members who are in a segment now brought as referrers, by program; money in minor units, net'
