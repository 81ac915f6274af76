-- The accounts of a partition's batches: numbered from 1 without a gap up to the last
-- that is acknowledged, one after another in offsets, each with one account of the
-- records that left no row, which names as many offsets as it counts.
SELECT '' AS org_id, '' AS program_id, toString(toDate(at)) AS day, '' AS id, '' AS source,
    concat(any_topic, '/', toString(b.p), ' batch ', toString(number)) AS position,
    multiIf(
        accounts = 0, 'no account stands of this batch, which is acknowledged',
        accounts > 1, concat('there are ', toString(accounts), ' accounts of this batch'),
        NOT whole, 'the account counts other records than it names',
        concat('the batch begins at offset ', toString(first), ', before offset ', toString(before), ' where the one before it ended')) AS text
FROM
(
    SELECT i, p, number, accounts, whole, first, at, any_topic,
        max(end_offset) OVER (PARTITION BY i, p ORDER BY number ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING) AS before
    FROM
    (
        SELECT i, p, number, sum(one) AS accounts, min(ok) AS whole, max(k_first) AS first, max(k_end) AS end_offset, max(k_at) AS at, max(k_topic) AS any_topic
        FROM
        (
            SELECT toString(kafka_incarnation) AS i, kafka_partition AS p, batch AS number, toUInt64(1) AS one,
                toUInt8(length(offsets) = rows) AS ok, kafka_offset AS k_first, end_offset AS k_end, ingested AS k_at, toString(kafka_topic) AS k_topic
            FROM batches
            WHERE written = ''
            UNION ALL
            SELECT i, p, arrayJoin(range(1, n + 1)), toUInt64(0), toUInt8(1), toInt64(-1), toInt64(-1), toDateTime64(0, 3, 'UTC'), '' FROM cut
        )
        GROUP BY i, p, number
    )
) AS b
INNER JOIN cut ON cut.i = b.i AND cut.p = b.p
WHERE number <= cut.n AND (accounts != 1 OR NOT whole OR first < before)
    AND (accounts = 0 OR toDate32(at) BETWEEN toDate32({from:String}) AND toDate32({to:String}))
