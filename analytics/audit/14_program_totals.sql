-- program_totals is program_daily without days, but for visitors, which cannot be added
-- up. Both views count them, so this reads a row for each program, day and visitor.
SELECT o AS org_id, g AS program_id, '' AS day, '' AS id, '' AS source, '' AS position,
    concat('program_totals has ', toString(totals), ', the days add up to ', toString(days)) AS text
FROM
(
    SELECT o, g, arrayResize(sumForEachIf(figures, what = 0), 10) AS totals, arrayResize(sumForEachIf(figures, what = 1), 10) AS days
    FROM
    (
        SELECT org_id AS o, program_id AS g, toUInt8(0) AS what,
            [toInt64(clicks), toInt64(unique_clicks), toInt64(duplicate_clicks), toInt64(bot_clicks), toInt64(conversions), toInt64(attributed_conversions),
                revenue_minor, attributed_revenue_minor, toInt64(rewards_earned), reward_cost_minor] AS figures
        FROM program_totals
        UNION ALL
        SELECT org_id, program_id, toUInt8(1),
            [toInt64(clicks), toInt64(unique_clicks), toInt64(duplicate_clicks), toInt64(bot_clicks), toInt64(conversions), toInt64(attributed_conversions),
                revenue_minor, attributed_revenue_minor, toInt64(rewards_earned), reward_cost_minor]
        FROM program_daily
    )
    WHERE ({org:String} = '' OR o = {org:String}) AND ({program:String} = '' OR g = {program:String})
    GROUP BY o, g
    HAVING totals != days
)
