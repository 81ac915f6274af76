-- +goose Up
-- +goose StatementBegin
CREATE TABLE IF NOT EXISTS credits
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
    sequence          Int64                  COMMENT '0 for the conversion, then counts its adjustments',
    role              LowCardinality(String) COMMENT 'Role of the beneficiary: referrer or referee',
    beneficiary_id    String                 COMMENT 'Who has the credit',
    customer_id       String                 COMMENT 'Customer who converted',
    kind              LowCardinality(String) COMMENT 'Kind of the conversion',
    name              String                 COMMENT 'Name of a custom conversion',
    conversion_time   DateTime64(3, 'UTC')   COMMENT 'Time of the conversion',
    decided_at        DateTime64(3, 'UTC')   COMMENT 'Time of the batch that decided the conversion or adjustment',
    locale            LowCardinality(String) COMMENT 'Locale of the beneficiary',
    currency          LowCardinality(String) COMMENT 'Currency of the program, ISO 4217',
    amount_minor      Int64                  COMMENT 'Amount of the whole conversion at decision, in minor units of currency',
    net_minor         Int64                  COMMENT 'Amount of the whole conversion after this credit',
    counts            UInt8                  COMMENT '1 if the conversion counts after this credit, else 0',
    credit_ppm        Int64                  COMMENT 'Credit of a referrer in parts per million; 0 for a referee',
    credited_minor    Int64                  COMMENT 'Part of net_minor that falls to the beneficiary',
    shares            Array(Int64)           COMMENT 'Credits of all referrers of the conversion, the earlier touch first',
    share_index       Int64                  COMMENT 'Place of the beneficiary in shares; -1 for a referee',
    rules             Array(String)          COMMENT 'Rules whose filters the conversion passed',
    kafka_incarnation LowCardinality(String) COMMENT 'Id of the topic in Kafka: a topic made anew has another',
    batch             UInt64                 COMMENT 'Number of the batch that wrote the row, counted by partition from 1',
    ingested          DateTime64(3, 'UTC')   COMMENT 'Time of that batch; the same in a replay',
    lease_until       DateTime64(3, 'UTC')   COMMENT 'Until when the worker that wrote the row was sure to own the partition',
    CONSTRAINT lease CHECK lease_until > nowInBlock64()
)
ENGINE = MergeTree
PARTITION BY toYYYYMM(ingested)
ORDER BY (org_id, program_id, conversion_id, sequence)
SETTINGS non_replicated_deduplication_window = 100000, fsync_after_insert = 1, fsync_part_directory = 1, index_granularity = 1024
COMMENT 'Every credit that rewards took, also those that earned nothing';
-- +goose StatementEnd
