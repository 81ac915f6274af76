-- program_daily without the day; visitors are distinct over all days. A program of
-- which nothing is left has no row.
CREATE OR REPLACE VIEW program_totals
(
    org_id                   String            COMMENT 'Organisation',
    program_id               String            COMMENT 'Program of the organisation',
    clicks                   UInt64            COMMENT 'Stored clicks, whatever their verdict',
    unique_clicks            UInt64            COMMENT 'Clicks that count',
    duplicate_clicks         UInt64            COMMENT 'Clicks that repeat one within the dedupe window',
    bot_clicks               UInt64            COMMENT 'Clicks of crawlers and configured bots',
    visitors                 UInt64            COMMENT 'Distinct visitors over all days with a click that counts, exactly; those without an id by their keyed hash',
    conversions              UInt64            COMMENT 'Conversions that count now',
    attributed_conversions   UInt64            COMMENT 'Those of them that are attributed',
    revenue_minor            Int64             COMMENT 'Net amount of conversions, in minor units of currency',
    attributed_revenue_minor Int64             COMMENT 'That of attributed conversions',
    currency                 String            COMMENT 'Currency of the program, ISO 4217',
    rewards_earned           UInt64            COMMENT 'Rewards whose net value is above 0 now',
    reward_cost_minor        Int64             COMMENT 'Net money rewards, pending ones too, held ones not, in minor units',
    conversion_rate          Nullable(Float64) COMMENT 'attributed_conversions / unique_clicks; null without unique clicks',
    roi                      Nullable(Float64) COMMENT '(attributed revenue x margin - reward cost) / reward cost; null without cost or margin'
)
SQL SECURITY INVOKER
AS SELECT
    org_id,
    program_id,
    sum(f_clicks) AS clicks,
    sum(f_unique) AS unique_clicks,
    sum(f_duplicate) AS duplicate_clicks,
    sum(f_bot) AS bot_clicks,
    sum(f_visitors) AS visitors,
    sum(f_conversions) AS conversions,
    sum(f_attributed) AS attributed_conversions,
    sum(f_revenue) AS revenue_minor,
    sum(f_attributed_revenue) AS attributed_revenue_minor,
    argMax(f_currency, (f_currency != '', f_day)) AS currency,
    sum(f_rewards) AS rewards_earned,
    sum(f_cost) AS reward_cost_minor,
    if(unique_clicks = 0, NULL, attributed_conversions / unique_clicks) AS conversion_rate,
    if(reward_cost_minor = 0 OR max(f_has_margin) = 0 OR max(f_lacks_margin) = 1, NULL,
        (toFloat64(sum(f_margin)) / 1e12 - reward_cost_minor) / reward_cost_minor) AS roi
FROM
(
    SELECT
        org_id, program_id, day AS f_day,
        clicks AS f_clicks, unique_clicks AS f_unique, duplicate_clicks AS f_duplicate, bot_clicks AS f_bot, toUInt64(0) AS f_visitors,
        conversions AS f_conversions, attributed_conversions AS f_attributed,
        revenue_minor AS f_revenue, attributed_revenue_minor AS f_attributed_revenue, currency AS f_currency,
        rewards_earned AS f_rewards, reward_cost_minor AS f_cost,
        margin_e12 AS f_margin, has_margin AS f_has_margin, lacks_margin AS f_lacks_margin
    FROM program_figures
    UNION ALL
    SELECT
        org_id, program_id, toDate32(0),
        toUInt64(0), toUInt64(0), toUInt64(0), toUInt64(0), count(),
        toUInt64(0), toUInt64(0), toInt64(0), toInt64(0), '',
        toUInt64(0), toInt64(0), toInt128(0), toUInt8(0), toUInt8(0)
    FROM
    (
        SELECT org_id, program_id, visitor_id, actor_hash, countIf(verdict = 'unique') AS n
        FROM clicks
        GROUP BY org_id, program_id, visitor_id, actor_hash
    )
    WHERE n > 0
    GROUP BY org_id, program_id
)
GROUP BY org_id, program_id
HAVING clicks != 0 OR conversions != 0 OR revenue_minor != 0 OR rewards_earned != 0 OR reward_cost_minor != 0
COMMENT 'A program over all days; visitors are distinct over all of them';
