-- The credits of an attributed conversion are 1000000 ppm by the paying and by each
-- shadow model, and their amounts that of the conversion. Others have no credits.
SELECT toString(o) AS org_id, toString(g) AS program_id, toString(d) AS day, c AS id, '' AS source, at AS position,
    multiIf(
        attributed != 1, concat('it has credits, and ', toString(attributed), ' attributed conversions of its place'),
        paid != 1000000, concat('paying credits are ', toString(paid), ' ppm'),
        arrayExists(v -> v != 1000000, mapValues(ppm)), concat('credits by model are ', toString(ppm), ' ppm'),
        concat('amounts by model are ', toString(amounts), ', of a conversion of ', toString(amount))) AS text
FROM
(
    SELECT o, g, at, any(conversion) AS c, any(on_day) AS d, sum(is_attributed) AS attributed, sum(conversion_minor) AS amount,
        sumIf(credit, pays = 1) AS paid, sumMap(credit_by) AS ppm, sumMap(minor_by) AS amounts
    FROM
    (
        SELECT toString(org_id) AS o, toString(program_id) AS g, concat(kafka_topic, '/', toString(kafka_partition), '/', toString(kafka_offset)) AS at,
            conversion_id AS conversion, day AS on_day, toUInt64(1) AS is_attributed, amount_minor AS conversion_minor, toUInt8(0) AS pays, toInt64(0) AS credit,
            CAST(map(), 'Map(String, Int64)') AS credit_by, CAST(map(), 'Map(String, Int64)') AS minor_by,
            toString(kafka_incarnation) AS i, kafka_partition AS p, batch AS number
        FROM conversions
        WHERE verdict = 'attributed'
        UNION ALL
        SELECT toString(org_id), toString(program_id), concat(kafka_topic, '/', toString(kafka_partition), '/', toString(kafka_offset)),
            conversion_id, day, toUInt64(0), toInt64(0), paying, toInt64(credit_ppm),
            map(toString(model), toInt64(credit_ppm)), map(toString(model), amount_minor),
            toString(kafka_incarnation), kafka_partition, batch
        FROM attributions
    ) AS r
    INNER JOIN cut ON cut.i = r.i AND cut.p = r.p
    WHERE number <= cut.n AND ({org:String} = '' OR o = {org:String}) AND ({program:String} = '' OR g = {program:String})
        AND on_day BETWEEN toDate32({from:String}) AND toDate32({to:String})
    GROUP BY o, g, at
)
WHERE attributed != 1 OR paid != 1000000 OR arrayExists(v -> v != 1000000, mapValues(ppm)) OR arrayExists(v -> v != amount, mapValues(amounts))
