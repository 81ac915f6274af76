-- The hours of a program add up to what its days do.
SELECT o AS org_id, g AS program_id, '' AS day, '' AS id, '' AS source, '' AS position,
    concat('the hours of program_hourly add up to ', toString(hours), ', the days to ', toString(days)) AS text
FROM
(
    SELECT o, g, arrayResize(sumForEachIf(figures, what = 0), 8) AS hours, arrayResize(sumForEachIf(figures, what = 1), 8) AS days
    FROM
    (
        SELECT org_id AS o, program_id AS g, toUInt8(0) AS what,
            [toInt64(clicks), toInt64(unique_clicks), toInt64(duplicate_clicks), toInt64(bot_clicks), toInt64(conversions), toInt64(attributed_conversions),
                revenue_minor, attributed_revenue_minor] AS figures
        FROM program_hourly
        UNION ALL
        SELECT org_id, program_id, toUInt8(1),
            [toInt64(clicks), toInt64(unique_clicks), toInt64(duplicate_clicks), toInt64(bot_clicks), toInt64(conversions), toInt64(attributed_conversions),
                revenue_minor, attributed_revenue_minor]
        FROM program_figures
    )
    WHERE ({org:String} = '' OR o = {org:String}) AND ({program:String} = '' OR g = {program:String})
    GROUP BY o, g
    HAVING hours != days
)
