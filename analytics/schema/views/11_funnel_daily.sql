-- From a click to a reward. Clicks come from the projections by_hour and
-- by_visitor; of conversions those that are attributed and count, on their own day:
-- a sale of today may follow a click of last week.
CREATE OR REPLACE VIEW funnel_daily
(
    org_id           String            COMMENT 'Organisation',
    program_id       String            COMMENT 'Program of the organisation',
    day              Date32            COMMENT 'Day of the event, in the time zone of the program',
    clicks           UInt64            COMMENT 'Stored clicks, whatever their verdict',
    unique_clicks    UInt64            COMMENT 'Clicks that count',
    visitors         UInt64            COMMENT 'Distinct visitors with a click that counts, exactly; those without an id by their keyed hash',
    leads            UInt64            COMMENT 'Attributed leads that count now',
    signups          UInt64            COMMENT 'Attributed signups that count now',
    sales            UInt64            COMMENT 'Attributed sales that count now',
    renewals         UInt64            COMMENT 'Attributed renewals that count now',
    customs          UInt64            COMMENT 'Attributed conversions of kind custom that count now',
    customers        UInt64            COMMENT 'Distinct customers of these conversions, exactly',
    rewards_earned   UInt64            COMMENT 'Rewards whose net value is above 0 now, on the day of the conversion that caused them',
    unique_rate      Nullable(Float64) COMMENT 'unique_clicks / clicks; null without clicks',
    lead_rate        Nullable(Float64) COMMENT 'leads / visitors; null without visitors',
    signup_rate      Nullable(Float64) COMMENT 'signups / visitors; null without visitors',
    sale_rate        Nullable(Float64) COMMENT 'sales / visitors; null without visitors'
)
SQL SECURITY INVOKER
AS SELECT
    org_id,
    program_id,
    day,
    sum(n) AS clicks,
    sumIf(n, verdict = 'unique') AS unique_clicks,
    sum(seen) AS visitors,
    countIf(of_kind = 'lead') AS leads,
    countIf(of_kind = 'signup') AS signups,
    countIf(of_kind = 'sale') AS sales,
    countIf(of_kind = 'renewal') AS renewals,
    countIf(of_kind = 'custom') AS customs,
    uniqExactIf(customer, of_kind != '') AS customers,
    sum(rewarded) AS rewards_earned,
    if(clicks = 0, NULL, unique_clicks / clicks) AS unique_rate,
    if(visitors = 0, NULL, leads / visitors) AS lead_rate,
    if(visitors = 0, NULL, signups / visitors) AS signup_rate,
    if(visitors = 0, NULL, sales / visitors) AS sale_rate
FROM
(
    SELECT org_id, program_id, day, verdict, n, toUInt64(0) AS seen, '' AS of_kind, '' AS customer, toUInt64(0) AS rewarded
    FROM
    (
        SELECT org_id, program_id, day, verdict, count() AS n
        FROM clicks
        GROUP BY org_id, program_id, day, verdict
    )
    UNION ALL
    SELECT org_id, program_id, day, '', toUInt64(0), count(), '', '', toUInt64(0)
    FROM
    (
        SELECT org_id, program_id, day, visitor_id, actor_hash, countIf(verdict = 'unique') AS n
        FROM clicks
        GROUP BY org_id, program_id, day, visitor_id, actor_hash
    )
    WHERE n > 0
    GROUP BY org_id, program_id, day
    UNION ALL
    SELECT org_id, program_id, day, '', toUInt64(0), toUInt64(0), kind, customer_id, toUInt64(0)
    FROM conversion_standings
    WHERE attributed AND counts
    UNION ALL
    SELECT org_id, program_id, day, '', toUInt64(0), toUInt64(0), '', '', toUInt64(1)
    FROM reward_standings
    WHERE net > 0
)
GROUP BY org_id, program_id, day
COMMENT 'From a click to a reward, by day in the program''s zone: clicks, unique clicks, visitors, attributed conversions by kind, customers, rewards'
