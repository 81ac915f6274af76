-- Every conversion that was attributed or unattributed, net of its adjustments.
-- Those of one conversion stand in the order of (ingested, batch, kafka_offset):
-- one partition applies them, one batch after the other.
CREATE OR REPLACE VIEW conversion_standings
(
    org_id        String               COMMENT 'Organisation',
    program_id    String               COMMENT 'Program of the organisation',
    conversion_id String               COMMENT 'Conversion',
    day           Date32               COMMENT 'Day of the conversion, in the time zone of the program',
    time          DateTime64(3, 'UTC') COMMENT 'Time of the conversion',
    attributed    UInt8                COMMENT '1 if it was attributed, else 0',
    currency      String               COMMENT 'Currency of the program, ISO 4217',
    margin        Nullable(Float64)    COMMENT 'Margin of the program version; null where it names none',
    net_minor     Int64                COMMENT 'Amount net of adjustments, in minor units of currency',
    counts        UInt8                COMMENT '1 if it counts now, else 0',
    kind          String               COMMENT 'lead, signup, sale, renewal or custom',
    customer_id   String               COMMENT 'Customer who converted',
    version       String               COMMENT 'valid_from of the program version that decided it',
    bound         UInt8                COMMENT '1 if an earlier conversion of the customer decided its credits, else 0'
)
SQL SECURITY INVOKER
AS SELECT
    org_id,
    program_id,
    conversion_id,
    day,
    argMin(conversion_time, place) AS time, -- max, once it is compiled, takes times before 1970 for the latest
    max(is_attributed) AS attributed,
    any(moved_currency) AS currency,
    any(program_margin) AS margin,
    sum(moved_minor) AS net_minor,
    argMax(counts_now, place) AS counts,
    max(of_kind) AS kind, -- adjustments have none
    any(customer) AS customer_id,
    max(decided_by) AS version,
    max(is_bound) AS bound
FROM
(
    SELECT
        org_id, program_id, conversion_id, day, time AS conversion_time, toUInt8(verdict = 'attributed') AS is_attributed,
        currency AS moved_currency, margin AS program_margin, amount_minor AS moved_minor, toUInt8(1) AS counts_now,
        (toUInt8(0), ingested, batch, kafka_offset) AS place,
        kind AS of_kind, conversions.customer_id AS customer, program_version AS decided_by, toUInt8(reason = 'bound') AS is_bound
    FROM conversions
    WHERE verdict IN ('attributed', 'unattributed')
    UNION ALL
    SELECT
        org_id, program_id, conversion_id, day, toDateTime64(-2208988800, 3, 'UTC'), toUInt8(0),
        currency, CAST(NULL, 'Nullable(Float64)'), amount_minor, counts_after,
        (toUInt8(1), ingested, batch, kafka_offset),
        '', customer_id, '', toUInt8(0)
    FROM adjustments
)
GROUP BY org_id, program_id, conversion_id, day
COMMENT 'Conversions net of their adjustments: day in the program''s zone, attributed 0/1, net_minor in minor units of currency, counts 0/1';
