-- Adjustments are of one conversion that counted. Net of them, one after another, it is
-- never below 0, in either currency, and counts_after is what follows from what is left:
-- 0 once it is cancelled, or a positive amount is used up; 1 again after a correction.
SELECT org_id, program_id, toString(d) AS day, id, '' AS source, at AS position,
    multiIf(
        conversions != 1, concat('it is adjusted, and ', toString(conversions), ' conversions of this id count'),
        arrayExists(n -> n < 0, nets), concat('its net amount becomes ', toString(arrayMin(nets))),
        arrayExists(n -> n < 0, originals), concat('its net amount in the original currency becomes ', toString(arrayMin(originals))),
        'counts_after of its adjustments does not follow from what is left') AS text
FROM
(
    SELECT o AS org_id, g AS program_id, c AS id, any(on_day) AS d, any(where_from) AS at,
        countIf(what = 0) AS conversions, sumIf(minor, what = 0) AS amount, sumIf(original, what = 0) AS original_amount,
        arraySort(x -> x.1, groupArrayIf((place, minor, original, after, cancels), what = 1)) AS moves,
        arrayMap(n -> n + amount, arrayCumSum(arrayMap(x -> x.2, moves))) AS nets,
        arrayMap(n -> n + original_amount, arrayCumSum(arrayMap(x -> x.3, moves))) AS originals,
        arrayFold((left, x) -> (
                left.1 + x.3,
                toUInt8(multiIf(left.3 = 1 OR x.5 = 1, 0, left.1 + x.3 = 0 AND left.1 > 0, 0, left.1 + x.3 > 0, 1, left.2)),
                toUInt8(left.3 = 1 OR x.5 = 1),
                toUInt8(left.4 = 1 AND x.4 = multiIf(left.3 = 1 OR x.5 = 1, 0, left.1 + x.3 = 0 AND left.1 > 0, 0, left.1 + x.3 > 0, 1, left.2))),
            moves, (original_amount, toUInt8(1), toUInt8(0), toUInt8(1))).4 AS follows
    FROM
    (
        SELECT toString(org_id) AS o, toString(program_id) AS g, conversion_id AS c, day AS on_day, toUInt8(0) AS what, amount_minor AS minor,
            original_amount_minor AS original, toUInt8(1) AS after, toUInt8(0) AS cancels, (ingested, batch, kafka_offset) AS place,
            concat(kafka_topic, '/', toString(kafka_partition), '/', toString(kafka_offset)) AS where_from,
            toString(kafka_incarnation) AS i, kafka_partition AS p, batch AS number
        FROM conversions
        WHERE verdict IN ('attributed', 'unattributed')
        UNION ALL
        SELECT toString(org_id), toString(program_id), conversion_id, day, toUInt8(1), amount_minor,
            original_amount_minor, counts_after, toUInt8(kind = 'cancel'), (ingested, batch, kafka_offset),
            concat(kafka_topic, '/', toString(kafka_partition), '/', toString(kafka_offset)),
            toString(kafka_incarnation), kafka_partition, batch
        FROM adjustments
    ) AS r
    INNER JOIN cut ON cut.i = r.i AND cut.p = r.p
    WHERE number <= cut.n AND ({org:String} = '' OR o = {org:String}) AND ({program:String} = '' OR g = {program:String})
        AND on_day BETWEEN toDate32({from:String}) AND toDate32({to:String})
    GROUP BY o, g, c
    HAVING notEmpty(moves)
)
WHERE conversions != 1 OR arrayExists(n -> n < 0, nets) OR arrayExists(n -> n < 0, originals) OR follows = 0
