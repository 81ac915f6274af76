-- What can be added up over days: program_daily and program_totals add the
-- visitors, which cannot. Clicks come from the projection by_hour. The margin is
-- counted in its twelfth decimal, exactly, until the last division.
CREATE OR REPLACE VIEW program_figures
(
    org_id                   String COMMENT 'Organisation',
    program_id               String COMMENT 'Program of the organisation',
    day                      Date32 COMMENT 'Day of the event, in the time zone of the program',
    clicks                   UInt64 COMMENT 'Stored clicks, whatever their verdict',
    unique_clicks            UInt64 COMMENT 'Clicks that count',
    duplicate_clicks         UInt64 COMMENT 'Clicks that repeat one within the dedupe window',
    bot_clicks               UInt64 COMMENT 'Clicks of crawlers and configured bots',
    conversions              UInt64 COMMENT 'Conversions that count now',
    attributed_conversions   UInt64 COMMENT 'Those of them that are attributed',
    revenue_minor            Int64  COMMENT 'Net amount of conversions, in minor units of currency',
    attributed_revenue_minor Int64  COMMENT 'That of attributed conversions',
    rewards_earned           UInt64 COMMENT 'Rewards whose net value is above 0 now',
    reward_cost_minor        Int64  COMMENT 'Net money rewards, pending ones too, held ones not, in minor units',
    currency                 String COMMENT 'Currency of the program, ISO 4217',
    margin_e12               Int128 COMMENT 'Sum of attributed revenue x margin, in 10^-12 of a minor unit',
    has_margin               UInt8  COMMENT '1 if any conversion names a margin',
    lacks_margin             UInt8  COMMENT '1 if any attributed conversion names none'
)
SQL SECURITY INVOKER
AS SELECT
    org_id,
    program_id,
    day,
    sum(n) AS clicks,
    sumIf(n, verdict = 'unique') AS unique_clicks,
    sumIf(n, verdict = 'duplicate') AS duplicate_clicks,
    sumIf(n, verdict = 'bot') AS bot_clicks,
    sum(counted) AS conversions,
    sum(counted_attributed) AS attributed_conversions,
    sum(net) AS revenue_minor,
    sum(net_attributed) AS attributed_revenue_minor,
    sum(rewarded) AS rewards_earned,
    sum(cost) AS reward_cost_minor,
    max(money) AS currency,
    sum(net_attributed_margin) AS margin_e12,
    max(margin_known) AS has_margin,
    max(margin_missing) AS lacks_margin
FROM
(
    SELECT
        org_id, program_id, day, currency AS money, verdict, n,
        toUInt64(0) AS counted, toUInt64(0) AS counted_attributed, toInt64(0) AS net, toInt64(0) AS net_attributed,
        toUInt64(0) AS rewarded, toInt64(0) AS cost,
        toInt128(0) AS net_attributed_margin, toUInt8(0) AS margin_known, toUInt8(0) AS margin_missing
    FROM
    (
        SELECT org_id, program_id, day, currency, verdict, count() AS n
        FROM clicks
        GROUP BY org_id, program_id, day, currency, verdict
    )
    UNION ALL
    SELECT
        org_id, program_id, day, currency, '', toUInt64(0),
        toUInt64(counts), toUInt64(counts AND attributed), net_minor, if(attributed, net_minor, 0),
        toUInt64(0), toInt64(0),
        if(attributed, toInt128(net_minor) * toInt64(round(ifNull(margin, 0) * 1e12)), toInt128(0)),
        toUInt8(margin IS NOT NULL), toUInt8(attributed AND margin IS NULL)
    FROM conversion_standings
    UNION ALL
    SELECT
        org_id, program_id, day, '', '', toUInt64(0),
        toUInt64(0), toUInt64(0), toInt64(0), toInt64(0),
        toUInt64(net > 0), if(reward_currency != '', net, 0),
        toInt128(0), toUInt8(0), toUInt8(0)
    FROM reward_standings
)
GROUP BY org_id, program_id, day
COMMENT 'Figures of a program by day, without visitors: see program_daily';
