-- +goose Up
-- +goose StatementBegin
CREATE TABLE IF NOT EXISTS attributions
(
    org_id            LowCardinality(String) COMMENT 'Organisation; nothing of it is ever seen by another',
    program_id        LowCardinality(String) COMMENT 'Program of the organisation; empty where an event has none',
    time              DateTime64(3, 'UTC')   COMMENT 'Time of the conversion',
    event_id          String                 COMMENT 'Id of the CloudEvent',
    source            LowCardinality(String) COMMENT 'Source of the CloudEvent',
    kafka_topic       LowCardinality(String) COMMENT 'Topic that the row came from, prefix included',
    kafka_partition   Int32                  COMMENT 'Partition that the row came from',
    kafka_offset      Int64                  COMMENT 'Offset of the record that the row came from',
    conversion_id     String                 COMMENT 'Conversion that the credit is of',
    referrer_id       String                 COMMENT 'Member who has the credit',
    model             LowCardinality(String) COMMENT 'Model that gave it: last_click, first_click, linear, position_based or time_decay',
    paying            UInt8                  COMMENT '1 if rewards follow it, 0 for a shadow model',
    credit_ppm        UInt32                 COMMENT 'Credit in parts per million; those of one conversion and model add up to 1000000',
    amount_minor      Int64                  COMMENT 'Part of the conversion''s amount at decision, in minor units of the program''s currency',
    touches           UInt32                 COMMENT 'How many touches of the referrer the credit is made of',
    first_touch_at    DateTime64(3, 'UTC')   COMMENT 'Time of the first of them',
    last_touch_at     DateTime64(3, 'UTC')   COMMENT 'Time of the last of them',
    day               Date32                 COMMENT 'Day of the conversion, in the time zone of the program',
    candidates        Array(String)          COMMENT 'Every touch that was considered: kind, referrer and click, percent-encoded and joined by /',
    skipped           Array(String)          COMMENT 'For each of candidates why it was skipped; empty for one that counts',
    kafka_incarnation LowCardinality(String) COMMENT 'Id of the topic in Kafka: a topic made anew has another',
    batch             UInt64                 COMMENT 'Number of the batch that wrote the row, counted by partition from 1',
    ingested          DateTime64(3, 'UTC')   COMMENT 'Time of that batch; the same in a replay',
    lease_until       DateTime64(3, 'UTC')   COMMENT 'Until when the worker that wrote the row was sure to own the partition',
    CONSTRAINT lease CHECK lease_until > nowInBlock64()
)
ENGINE = MergeTree
PARTITION BY toYYYYMM(ingested)
ORDER BY (org_id, program_id, conversion_id, model, referrer_id)
SETTINGS non_replicated_deduplication_window = 100000, fsync_after_insert = 1, fsync_part_directory = 1
COMMENT 'Credits of conversions as they were decided: they never change, the views are net';
-- +goose StatementEnd
