-- What rewards took of a conversion is what attribution handed over: for each of its
-- referrers a credit when it was decided, and one after each adjustment that moved
-- something, with the amount that was left then. (Credits of later adjustments than
-- are judged may stand already.)
SELECT o AS org_id, g AS program_id, toString(d) AS day, c AS id, '' AS source, at AS position,
    multiIf(
        notEmpty(wrong), concat('credit ', toString(wrong[1].1), ' of ', wrong[1].2, ' has net ', toString(wrong[1].3), ' and counts ', toString(wrong[1].4),
            ', where the conversion had ', toString(nets[wrong[1].1 + 1]), ' and ', toString(counts[wrong[1].1 + 1])),
        notEmpty(lacking), concat('credit ', toString(lacking[1].1), ' of ', lacking[1].2, ' was not taken'),
        concat('credit ', toString(surplus[1].1), ' of ', surplus[1].2, ' was taken ', toString(countEqual(had, surplus[1])), ' times')) AS text
FROM
(
    SELECT o, g, c, any(on_day) AS d, maxIf(where_from, what = 0) AS at,
        arraySort(x -> x.1, groupArrayIf((place, minor, after), what = 1)) AS moves,
        arrayPushFront(arrayMap(n -> n + sumIf(minor, what = 0), arrayCumSum(arrayMap(x -> x.2, moves))), sumIf(minor, what = 0)) AS nets,
        arrayPushFront(arrayMap(x -> x.3, moves), toUInt8(1)) AS counts,
        arrayFilter(s -> s = 0 OR nets[s + 1] != nets[s] OR counts[s + 1] != counts[s], arrayMap(s -> toInt64(s), range(length(moves) + 1))) AS sequences,
        groupUniqArrayIf(party, what IN (2, 3)) AS parties,
        arrayFilter(x -> x.1 <= length(moves), groupArrayIf((sequence, party, minor, after), what = 3)) AS taken,
        arrayMap(x -> (x.1, x.2), taken) AS had,
        arrayFlatten(arrayMap(s -> arrayMap(b -> (s, b), parties), sequences)) AS wanted,
        arrayFilter(x -> NOT has(had, x), wanted) AS lacking,
        arrayFilter(x -> NOT has(wanted, x) OR countEqual(had, x) > 1, had) AS surplus,
        arrayFilter(x -> x.3 != nets[x.1 + 1] OR x.4 != counts[x.1 + 1], taken) AS wrong
    FROM
    (
        SELECT toString(org_id) AS o, toString(program_id) AS g, conversion_id AS c, day AS on_day, toUInt8(0) AS what, amount_minor AS minor, toUInt8(1) AS after,
            (ingested, batch, kafka_offset) AS place, '' AS party, toInt64(0) AS sequence,
            concat(kafka_topic, '/', toString(kafka_partition), '/', toString(kafka_offset)) AS where_from,
            toString(kafka_incarnation) AS i, kafka_partition AS p, batch AS number
        FROM conversions
        WHERE verdict = 'attributed'
        UNION ALL
        SELECT toString(org_id), toString(program_id), conversion_id, day, toUInt8(1), amount_minor, counts_after,
            (ingested, batch, kafka_offset), '', toInt64(0), '', toString(kafka_incarnation), kafka_partition, batch
        FROM adjustments
        UNION ALL
        SELECT toString(org_id), toString(program_id), conversion_id, day, toUInt8(2), toInt64(0), toUInt8(0),
            (ingested, batch, kafka_offset), concat('referrer ', referrer_id), toInt64(0), '', toString(kafka_incarnation), kafka_partition, batch
        FROM attributions
        WHERE paying = 1
        UNION ALL
        SELECT toString(org_id), toString(program_id), conversion_id, toDate32('1900-01-01'), toUInt8(3), net_minor, counts,
            (ingested, batch, kafka_offset), concat(role, ' ', beneficiary_id), sequence, '', toString(kafka_incarnation), kafka_partition, batch
        FROM credits
    ) AS r
    INNER JOIN cut ON cut.i = r.i AND cut.p = r.p
    WHERE number <= cut.n AND ({org:String} = '' OR o = {org:String}) AND ({program:String} = '' OR g = {program:String})
    GROUP BY o, g, c
    HAVING countIf(what = 0) = 1 AND maxIf(on_day, what = 0) BETWEEN toDate32({from:String}) AND toDate32({to:String})
)
WHERE notEmpty(lacking) OR notEmpty(surplus) OR notEmpty(wrong)
