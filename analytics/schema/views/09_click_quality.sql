-- From the projection by_hour. Shares are of the clicks of the row.
CREATE OR REPLACE VIEW click_quality
(
    org_id           String              COMMENT 'Organisation',
    program_id       String              COMMENT 'Program of the organisation',
    day              Date32              COMMENT 'Day of the event, in the time zone of the program',
    channel          String              COMMENT 'Channel that the link was shared on',
    clicks           UInt64              COMMENT 'Stored clicks, whatever their verdict',
    unique_clicks    UInt64              COMMENT 'Clicks that count',
    duplicate_clicks UInt64              COMMENT 'Clicks that repeat one within the dedupe window',
    bot_clicks       UInt64              COMMENT 'Clicks of crawlers and configured bots',
    inactive_clicks  UInt64              COMMENT 'Clicks while the program was not active',
    banned_clicks    UInt64              COMMENT 'Clicks on links of banned members',
    unique_share     Float64             COMMENT 'unique_clicks / clicks',
    duplicate_share  Float64             COMMENT 'duplicate_clicks / clicks',
    bot_share        Float64             COMMENT 'bot_clicks / clicks',
    bot_reasons      Map(String, UInt64) COMMENT 'Bot clicks by the name of the rule that caught them'
)
SQL SECURITY INVOKER
AS SELECT
    org_id,
    program_id,
    day,
    channel,
    sum(n) AS clicks,
    sumIf(n, verdict = 'unique') AS unique_clicks,
    sumIf(n, verdict = 'duplicate') AS duplicate_clicks,
    sumIf(n, verdict = 'bot') AS bot_clicks,
    sumIf(n, verdict = 'inactive') AS inactive_clicks,
    sumIf(n, verdict = 'banned') AS banned_clicks,
    unique_clicks / clicks AS unique_share,
    duplicate_clicks / clicks AS duplicate_share,
    bot_clicks / clicks AS bot_share,
    sumMapIf(map(reason, n), verdict = 'bot') AS bot_reasons
FROM
(
    SELECT org_id, program_id, day, channel, verdict, reason, count() AS n
    FROM clicks
    GROUP BY org_id, program_id, day, channel, verdict, reason
)
GROUP BY org_id, program_id, day, channel
COMMENT 'What the clicks of a program were worth, by day and channel: clicks by verdict, shares, and which bot rules caught how many';
