-- program_figures, what program_daily says of a day but for visitors, against sums that
-- are made another way: clicks out of click_quality,
-- conversions and money out of the rows, rewards by adding up what each event moved.
SELECT o AS org_id, g AS program_id, toString(d) AS day, '' AS id, '' AS source, '' AS position,
    concat('program_figures has ', toString(arrayFilter((x, a, b) -> a != b, names, viewed, recomputed)), ' = ',
        toString(arrayFilter((a, b) -> a != b, viewed, recomputed)), ', the rows have ', toString(arrayFilter((b, a) -> a != b, recomputed, viewed))) AS text
FROM
(
    SELECT o, g, d, ['clicks', 'unique_clicks', 'duplicate_clicks', 'bot_clicks', 'conversions', 'attributed_conversions', 'revenue_minor',
            'attributed_revenue_minor', 'rewards_earned', 'reward_cost_minor'] AS names,
        arrayResize(sumForEachIf(figures, what = 0), 10) AS viewed, arrayResize(sumForEachIf(figures, what = 1), 10) AS recomputed
    FROM
    (
        SELECT org_id AS o, program_id AS g, day AS d, toUInt8(0) AS what,
            [toInt64(clicks), toInt64(unique_clicks), toInt64(duplicate_clicks), toInt64(bot_clicks), toInt64(conversions), toInt64(attributed_conversions),
                revenue_minor, attributed_revenue_minor, toInt64(rewards_earned), reward_cost_minor] AS figures
        FROM program_figures
        UNION ALL
        SELECT org_id, program_id, day, toUInt8(1),
            [toInt64(clicks), toInt64(unique_clicks), toInt64(duplicate_clicks), toInt64(bot_clicks), 0, 0, 0, 0, 0, 0]
        FROM click_quality
        UNION ALL
        SELECT org, program, on_day, toUInt8(1), [0, 0, 0, 0, toInt64(counts), toInt64(counts AND attributed), net, if(attributed, net, 0), 0, 0]
        FROM
        (
            SELECT org, program, conversion, any(conversion_day) AS on_day, max(is_attributed) AS attributed, sum(minor) AS net,
                arraySort(groupArray((place, after)))[-1].2 AS counts
            FROM
            (
                SELECT toString(org_id) AS org, toString(program_id) AS program, conversion_id AS conversion, day AS conversion_day,
                    toUInt8(verdict = 'attributed') AS is_attributed, amount_minor AS minor, (toUInt8(0), ingested, batch, kafka_offset) AS place, toUInt8(1) AS after
                FROM conversions
                WHERE verdict IN ('attributed', 'unattributed')
                UNION ALL
                SELECT toString(org_id), toString(program_id), conversion_id, day, toUInt8(0), amount_minor, (toUInt8(1), ingested, batch, kafka_offset), counts_after
                FROM adjustments
            )
            GROUP BY org, program, conversion
        )
        UNION ALL
        SELECT org, program, on_day, toUInt8(1), [0, 0, 0, 0, 0, 0, 0, 0, toInt64(net > 0), if(money, net, 0)]
        FROM
        (
            SELECT toString(org_id) AS org, toString(program_id) AS program, reward_id, any(day) AS on_day, max(currency != '') AS money,
                arrayFold((left, x) -> (
                        toInt64(multiIf(x.2 IN ('earned', 'increased'), left.1 + x.3, x.2 = 'reversed', left.1 - greatest(x.3 - left.2, 0), left.1)),
                        toInt64(multiIf(x.2 = 'held', left.2 + x.3, x.2 IN ('earned', 'increased'), 0, x.2 = 'reversed', left.2 - least(x.3, left.2), left.2))),
                    arraySort(x -> x.1, groupArray((sequence, toString(event_type), amount_minor + quantity))), (toInt64(0), toInt64(0))).1 AS net
            FROM rewards
            GROUP BY org_id, program_id, reward_id
        )
    )
    WHERE ({org:String} = '' OR o = {org:String}) AND ({program:String} = '' OR g = {program:String}) AND d BETWEEN toDate32({from:String}) AND toDate32({to:String})
    GROUP BY o, g, d
    HAVING viewed != recomputed
)
