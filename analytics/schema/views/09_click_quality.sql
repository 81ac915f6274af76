-- From the projection by_channel. Shares are of the clicks of the row.
CREATE OR REPLACE VIEW click_quality
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
