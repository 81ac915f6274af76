-- Clicks come from the projection by_hour; hours are UTC. An hour of which nothing
-- is left, as its conversions were cancelled, has no row.
CREATE OR REPLACE VIEW program_hourly
(
    org_id                   String               COMMENT 'Organisation',
    program_id               String               COMMENT 'Program of the organisation',
    hour                     DateTime64(3, 'UTC') COMMENT 'Beginning of the hour of the event, UTC',
    clicks                   UInt64               COMMENT 'Stored clicks, whatever their verdict',
    unique_clicks            UInt64               COMMENT 'Clicks that count',
    duplicate_clicks         UInt64               COMMENT 'Clicks that repeat one within the dedupe window',
    bot_clicks               UInt64               COMMENT 'Clicks of crawlers and configured bots',
    conversions              UInt64               COMMENT 'Conversions that count now',
    attributed_conversions   UInt64               COMMENT 'Those of them that are attributed',
    revenue_minor            Int64                COMMENT 'Net amount of conversions, in minor units of currency',
    attributed_revenue_minor Int64                COMMENT 'That of attributed conversions',
    currency                 String               COMMENT 'Currency of the program, ISO 4217'
)
SQL SECURITY INVOKER
AS SELECT
    org_id,
    program_id,
    hour,
    sum(n) AS clicks,
    sumIf(n, verdict = 'unique') AS unique_clicks,
    sumIf(n, verdict = 'duplicate') AS duplicate_clicks,
    sumIf(n, verdict = 'bot') AS bot_clicks,
    sum(counted) AS conversions,
    sum(counted_attributed) AS attributed_conversions,
    sum(net) AS revenue_minor,
    sum(net_attributed) AS attributed_revenue_minor,
    max(money) AS currency
FROM
(
    SELECT
        org_id, program_id, fromUnixTimestamp64Milli(hours * 3600000, 'UTC') AS hour, currency AS money, verdict, n,
        toUInt64(0) AS counted, toUInt64(0) AS counted_attributed, toInt64(0) AS net, toInt64(0) AS net_attributed
    FROM
    (
        SELECT org_id, program_id, toInt64(floor(toUnixTimestamp64Milli(time) / 3600000)) AS hours, currency, verdict, count() AS n
        FROM clicks
        GROUP BY org_id, program_id, hours, currency, verdict
    )
    UNION ALL
    SELECT
        org_id, program_id, fromUnixTimestamp64Milli(toInt64(floor(toUnixTimestamp64Milli(time) / 3600000)) * 3600000, 'UTC'),
        currency, '', toUInt64(0),
        toUInt64(counts), toUInt64(counts AND attributed), net_minor, if(attributed, net_minor, 0)
    FROM conversion_standings
)
GROUP BY org_id, program_id, hour
HAVING clicks != 0 OR conversions != 0 OR revenue_minor != 0
COMMENT 'Clicks and conversions of a program by hour (UTC) of the event; money in minor units, net, at the hour of the conversion';
