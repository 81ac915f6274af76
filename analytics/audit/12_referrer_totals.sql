-- The clicks of a program's referrers add up to the program's: each comes from a
-- projection of its own. So do the rewards to referrers and members.
SELECT o AS org_id, g AS program_id, '' AS day, '' AS id, '' AS source, '' AS position,
    concat('clicks, unique clicks, rewards and their cost over referrers are ', toString(referrers), ', over days ', toString(days)) AS text
FROM
(
    SELECT o, g, arrayResize(sumForEachIf(figures, what = 0), 4) AS referrers, arrayResize(sumForEachIf(figures, what = 1), 4) AS days
    FROM
    (
        SELECT org_id AS o, program_id AS g, toUInt8(0) AS what, [toInt64(clicks), toInt64(unique_clicks), toInt64(rewards_earned), reward_cost_minor] AS figures
        FROM referrer_totals
        UNION ALL
        SELECT org_id, program_id, toUInt8(1), [toInt64(clicks), toInt64(unique_clicks), toInt64(rewards_earned), reward_cost_minor]
        FROM program_figures
        UNION ALL
        SELECT org_id, program_id, toUInt8(1), [toInt64(0), toInt64(0), -toInt64(net > 0), if(reward_currency != '', -net, 0)]
        FROM reward_standings
        WHERE role = 'referee'
    )
    WHERE ({org:String} = '' OR o = {org:String}) AND ({program:String} = '' OR g = {program:String})
    GROUP BY o, g
    HAVING referrers != days
)
