-- Every record of a batch left a row, or is named as one that left none. A click
-- leaves one row, one dead letter or none, so that counts are enough: of all others the
-- different offsets are counted. (Rows of what waited have offsets before the batch.)
SELECT '' AS org_id, '' AS program_id, toString(day) AS day, '' AS id, '' AS source,
    concat(topic, '/', toString(b.p), ' batch ', toString(number)) AS position,
    concat('the batch had ', toString(had), ' records, and accounts for ', toString(accounted)) AS text
FROM
(
    SELECT toString(kafka_incarnation) AS i, kafka_partition AS p, batch AS number, any(toString(kafka_topic)) AS topic, toDate(max(ingested)) AS day,
        max(records) AS had, sumIf(rows, written IN ('', 'clicks', 'dead_letters')) AS accounted
    FROM batches
    WHERE kafka_topic = {clicks:String}
    GROUP BY i, p, number
    HAVING had != accounted
    UNION ALL
    SELECT toString(kafka_incarnation) AS i, kafka_partition AS p, batch AS number, any(toString(kafka_topic)), toDate(max(ingested)),
        max(records) AS had, arrayUniq(arrayFlatten(groupArray(arrayFilter(o -> o >= kafka_offset AND o < end_offset, offsets)))) AS accounted
    FROM batches
    WHERE kafka_topic != {clicks:String}
    GROUP BY i, p, number
    HAVING had > accounted
) AS b
INNER JOIN cut ON cut.i = b.i AND cut.p = b.p
WHERE number <= cut.n AND toDate32(b.day) BETWEEN toDate32({from:String}) AND toDate32({to:String})
