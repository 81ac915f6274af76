-- Touches are those of referrers with credit of the paying model. A conversion whose
-- credits an earlier one of the customer decided has no touches of its own, and is
-- left out.
CREATE OR REPLACE VIEW time_to_convert
(
    org_id              String  COMMENT 'Organisation',
    program_id          String  COMMENT 'Program of the organisation',
    day                 Date32  COMMENT 'Day of the conversion, in the time zone of the program',
    kind                String  COMMENT 'lead, signup, sale, renewal or custom',
    conversions         UInt64  COMMENT 'Attributed conversions that count now and were decided by touches of their own',
    touches             UInt64  COMMENT 'Touches of their credited referrers',
    average_seconds     Float64 COMMENT 'Seconds from the first touch of a credited referrer to the conversion, on average',
    median_seconds      Float64 COMMENT 'The same, of half of the conversions at most; of an even number the upper of the two in the middle',
    p90_seconds         Float64 COMMENT 'The same, of nine in ten conversions at most',
    average_last_seconds Float64 COMMENT 'Seconds from the last touch of a credited referrer to the conversion, on average',
    within_hour         UInt64  COMMENT 'Conversions at most an hour after that first touch',
    within_day          UInt64  COMMENT 'Conversions at most 24 hours after it',
    within_week         UInt64  COMMENT 'Conversions at most 168 hours after it'
)
SQL SECURITY INVOKER
AS SELECT
    org_id,
    program_id,
    day,
    of_kind AS kind,
    count() AS conversions,
    sum(touched) AS touches,
    sum(since_first) / conversions / 1000 AS average_seconds,
    quantileExact(0.5)(since_first) / 1000 AS median_seconds,
    quantileExact(0.9)(since_first) / 1000 AS p90_seconds,
    sum(since_last) / conversions / 1000 AS average_last_seconds,
    countIf(since_first <= 3600000) AS within_hour,
    countIf(since_first <= 86400000) AS within_day,
    countIf(since_first <= 604800000) AS within_week
FROM
(
    SELECT
        org_id, program_id, conversion_id, day, max(kind_of) AS of_kind, sum(touches_of) AS touched, max(standing) AS stands,
        maxIf(at, standing) - minIf(first, touches_of > 0) AS since_first,
        maxIf(at, standing) - maxIf(last, touches_of > 0) AS since_last
    FROM
    (
        SELECT
            org_id, program_id, conversion_id, day, toString(kind) AS kind_of, toUInt64(0) AS touches_of, toUInt8(1) AS standing,
            toUnixTimestamp64Milli(time) AS at, toInt64(0) AS first, toInt64(0) AS last
        FROM conversion_standings
        WHERE attributed AND counts AND NOT bound
        UNION ALL
        SELECT
            org_id, program_id, conversion_id, day, '', toUInt64(touches), toUInt8(0), toInt64(0),
            toUnixTimestamp64Milli(first_touch_at), toUnixTimestamp64Milli(last_touch_at)
        FROM attributions
        WHERE paying
    )
    GROUP BY org_id, program_id, conversion_id, day
)
WHERE stands AND touched > 0
GROUP BY org_id, program_id, day, of_kind
COMMENT 'How long it took from the first touch to the conversion, by day and kind, of conversions that count and were decided by touches of their own'
