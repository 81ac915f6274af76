-- +goose Up
-- +goose StatementBegin
CREATE TABLE IF NOT EXISTS fulfillments
(
    org_id            LowCardinality(String)            COMMENT 'Organisation; nothing of it is ever seen by another',
    program_id        LowCardinality(String)            COMMENT 'Program of the organisation; empty where an event has none',
    time              DateTime64(3, 'UTC')              COMMENT 'When it happened, by the event, truncated to the millisecond',
    event_id          String                            COMMENT 'Id of the CloudEvent',
    source            LowCardinality(String)            COMMENT 'Source of the CloudEvent',
    kafka_topic       LowCardinality(String)            COMMENT 'Topic that the row came from, prefix included',
    kafka_partition   Int32                             COMMENT 'Partition that the row came from',
    kafka_offset      Int64                             COMMENT 'Offset of the record that the row came from',
    reward_id         String                            COMMENT 'Reward that it is about',
    event_type        LowCardinality(String)            COMMENT 'fulfilled, fulfillment_failed or decided',
    external_id       String                            COMMENT 'Id of the payment in the other system',
    decision          LowCardinality(String)            COMMENT 'approve, reject or reverse, of a decided event',
    actor             String                            COMMENT 'Who decided',
    reason            String                            COMMENT 'Reason of the event',
    beneficiary_id    String DEFAULT ''                 COMMENT 'Beneficiary of the reward; empty while the reward is not known',
    amount_minor      Int64 DEFAULT 0                   COMMENT 'Money that was fulfilled, in minor units of currency',
    currency          LowCardinality(String) DEFAULT '' COMMENT 'Currency of a money reward, ISO 4217; else empty',
    quantity          Int64 DEFAULT 0                   COMMENT 'Quantity that was fulfilled',
    unit              LowCardinality(String) DEFAULT '' COMMENT 'Unit of a quantity reward; else empty',
    kafka_incarnation LowCardinality(String)            COMMENT 'Id of the topic in Kafka: a topic made anew has another',
    batch             UInt64                            COMMENT 'Number of the batch that wrote the row, counted by partition from 1',
    ingested          DateTime64(3, 'UTC')              COMMENT 'Time of that batch; the same in a replay',
    lease_until       DateTime64(3, 'UTC')              COMMENT 'Until when the worker that wrote the row was sure to own the partition',
    CONSTRAINT lease CHECK lease_until > nowInBlock64()
)
ENGINE = MergeTree
PARTITION BY toYYYYMM(ingested)
ORDER BY (org_id, program_id, reward_id, time)
SETTINGS non_replicated_deduplication_window = 100000, fsync_after_insert = 1, fsync_part_directory = 1
COMMENT 'What became of rewards outside: paid, failed, or decided by a person';
-- +goose StatementEnd
