-- Balances against sums of the events: what was earned and is left, by member and
-- measure, and pending and approved together are what is left.
SELECT o AS org_id, g AS program_id, '' AS day, m AS id, '' AS source, '' AS position,
    concat('reward_balances has earned, net, held and fulfilled ', toString(viewed), ' ', measure, ', the events make ', toString(recomputed)) AS text
FROM
(
    SELECT o, g, m, measure, arrayResize(sumForEachIf(figures, what = 0), 4) AS viewed, arrayResize(sumForEachIf(figures, what = 1), 4) AS recomputed
    FROM
    (
        SELECT org_id AS o, program_id AS g, beneficiary_id AS m, concat(currency, unit) AS measure, toUInt8(0) AS what, [earned, pending + approved, held, fulfilled] AS figures
        FROM reward_balances
        UNION ALL
        SELECT toString(org_id), toString(program_id), beneficiary_id, concat(currency, unit), toUInt8(1),
            [sumIf(amount_minor + quantity, event_type IN ('earned', 'increased')), argMax(remaining_minor + remaining_quantity, sequence), argMax(withheld, sequence), 0]
        FROM rewards
        GROUP BY org_id, program_id, beneficiary_id, currency, unit, reward_id
        UNION ALL
        SELECT toString(org_id), toString(program_id), beneficiary_id, concat(currency, unit), toUInt8(1), [toInt64(0), toInt64(0), toInt64(0), amount_minor + quantity]
        FROM fulfillments
        WHERE event_type = 'fulfilled' AND beneficiary_id != ''
    )
    WHERE ({org:String} = '' OR o = {org:String}) AND ({program:String} = '' OR g = {program:String})
    GROUP BY o, g, m, measure
    HAVING viewed != recomputed
)
