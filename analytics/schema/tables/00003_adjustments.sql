-- +goose Up
-- +goose StatementBegin
CREATE TABLE IF NOT EXISTS adjustments
(
    org_id            LowCardinality(String) COMMENT 'Organisation; nothing of it is ever seen by another',
    program_id        LowCardinality(String) COMMENT 'Program of the organisation; empty where an event has none',
    time              DateTime64(3, 'UTC')   COMMENT 'When it happened, by the event, truncated to the millisecond',
    event_id          String                 COMMENT 'Id of the CloudEvent',
    source            LowCardinality(String) COMMENT 'Source of the CloudEvent',
    kafka_topic       LowCardinality(String) COMMENT 'Topic that the row came from, prefix included',
    kafka_partition   Int32                  COMMENT 'Partition that the row came from',
    kafka_offset      Int64                  COMMENT 'Offset of the record that the row came from',
    conversion_id     String                 COMMENT 'Conversion that was adjusted',
    customer_id       String                 COMMENT 'Its customer',
    kind              LowCardinality(String) COMMENT 'refund, chargeback, cancel or correction',
    amount_minor      Int64                  COMMENT 'Signed change of the net amount, in minor units of currency',
    counts_after      UInt8                  COMMENT '1 if the conversion counts after it, else 0',
    reason            String                 COMMENT 'Reason of the event',
    currency          LowCardinality(String) COMMENT 'Currency of the program at the conversion''s time, ISO 4217',
    day               Date32                 COMMENT 'Day of the conversion, in the time zone of the program',
    kafka_incarnation LowCardinality(String) COMMENT 'Id of the topic in Kafka: a topic made anew has another',
    batch             UInt64                 COMMENT 'Number of the batch that wrote the row, counted by partition from 1',
    ingested          DateTime64(3, 'UTC')   COMMENT 'Time of that batch; the same in a replay',
    lease_until       DateTime64(3, 'UTC')   COMMENT 'Until when the worker that wrote the row was sure to own the partition',
    CONSTRAINT lease CHECK lease_until > nowInBlock64()
)
ENGINE = MergeTree
PARTITION BY toYYYYMM(ingested)
ORDER BY (org_id, program_id, conversion_id, time)
SETTINGS non_replicated_deduplication_window = 100000, fsync_after_insert = 1, fsync_part_directory = 1, index_granularity = 1024
COMMENT 'Adjustments that were applied to a conversion';
-- +goose StatementEnd
