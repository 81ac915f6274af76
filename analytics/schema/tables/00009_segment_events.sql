-- +goose Up
-- +goose StatementBegin
CREATE TABLE IF NOT EXISTS segment_events
(
    org_id            LowCardinality(String) COMMENT 'Organisation; nothing of it is ever seen by another',
    program_id        LowCardinality(String) COMMENT 'Program of the organisation; empty where an event has none',
    time              DateTime64(3, 'UTC')   COMMENT 'When it happened, by the event, truncated to the millisecond',
    event_id          String                 COMMENT 'Id of the CloudEvent',
    source            LowCardinality(String) COMMENT 'Source of the CloudEvent',
    kafka_topic       LowCardinality(String) COMMENT 'Topic that the row came from, prefix included',
    kafka_partition   Int32                  COMMENT 'Partition that the row came from',
    kafka_offset      Int64                  COMMENT 'Offset of the record that the row came from',
    segment_id        LowCardinality(String) COMMENT 'Segment of the organisation',
    member_id         String                 COMMENT 'Member who entered or left it',
    event_type        LowCardinality(String) COMMENT 'entered or left',
    sequence          Int64                  COMMENT 'Counts the events of this member and segment from 1',
    kafka_incarnation LowCardinality(String) COMMENT 'Id of the topic in Kafka: a topic made anew has another',
    batch             UInt64                 COMMENT 'Number of the batch that wrote the row, counted by partition from 1',
    ingested          DateTime64(3, 'UTC')   COMMENT 'Time of that batch; the same in a replay',
    lease_until       DateTime64(3, 'UTC')   COMMENT 'Until when the worker that wrote the row was sure to own the partition',
    CONSTRAINT lease CHECK lease_until > nowInBlock64()
)
ENGINE = MergeTree
PARTITION BY toYYYYMM(ingested)
ORDER BY (org_id, segment_id, member_id, sequence)
SETTINGS non_replicated_deduplication_window = 100000, fsync_after_insert = 1, fsync_part_directory = 1
COMMENT 'Members who entered or left a segment';
-- +goose StatementEnd
