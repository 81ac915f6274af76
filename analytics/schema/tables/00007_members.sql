-- +goose Up
-- +goose StatementBegin
CREATE TABLE IF NOT EXISTS members
(
    org_id            LowCardinality(String) COMMENT 'Organisation; nothing of it is ever seen by another',
    program_id        LowCardinality(String) COMMENT 'Program of the organisation; empty where an event has none',
    time              DateTime64(3, 'UTC')   COMMENT 'When it happened, by the event, truncated to the millisecond',
    event_id          String                 COMMENT 'Id of the CloudEvent',
    source            LowCardinality(String) COMMENT 'Source of the CloudEvent',
    kafka_topic       LowCardinality(String) COMMENT 'Topic that the row came from, prefix included',
    kafka_partition   Int32                  COMMENT 'Partition that the row came from',
    kafka_offset      Int64                  COMMENT 'Offset of the record that the row came from',
    member_id         String                 COMMENT 'Member that was updated',
    status            LowCardinality(String) COMMENT 'active or banned',
    forgotten         UInt8                  COMMENT '1 if a tombstone forgot the member',
    referral_codes    Array(String)          COMMENT 'Referral codes that the update lists',
    coupon_codes      Array(String)          COMMENT 'Coupon codes that the update lists',
    segments          Array(String)          COMMENT 'Segments given from outside',
    attributes        String                 COMMENT 'Attributes as a JSON object',
    locale            LowCardinality(String) COMMENT 'Locale of the member',
    currency          LowCardinality(String) COMMENT 'Currency of the member, ISO 4217',
    email_hash        String                 COMMENT 'Hash of the member''s email address, as given',
    kafka_incarnation LowCardinality(String) COMMENT 'Id of the topic in Kafka: a topic made anew has another',
    batch             UInt64                 COMMENT 'Number of the batch that wrote the row, counted by partition from 1',
    ingested          DateTime64(3, 'UTC')   COMMENT 'Time of that batch; the same in a replay',
    lease_until       DateTime64(3, 'UTC')   COMMENT 'Until when the worker that wrote the row was sure to own the partition',
    CONSTRAINT lease CHECK lease_until > nowInBlock64()
)
ENGINE = MergeTree
PARTITION BY toYYYYMM(ingested)
ORDER BY (org_id, member_id, time)
SETTINGS non_replicated_deduplication_window = 100000, fsync_after_insert = 1, fsync_part_directory = 1, index_granularity = 1024
COMMENT 'Every update of every member, as it came';
-- +goose StatementEnd
