-- +goose Up
-- +goose StatementBegin
CREATE TABLE IF NOT EXISTS conversions
(
    org_id                LowCardinality(String)         COMMENT 'Organisation; nothing of it is ever seen by another',
    program_id            LowCardinality(String)         COMMENT 'Program of the organisation; empty where an event has none',
    time                  DateTime64(3, 'UTC')           COMMENT 'When it happened, by the event, truncated to the millisecond',
    event_id              String                         COMMENT 'Id of the CloudEvent',
    source                LowCardinality(String)         COMMENT 'Source of the CloudEvent',
    kafka_topic           LowCardinality(String)         COMMENT 'Topic that the row came from, prefix included',
    kafka_partition       Int32                          COMMENT 'Partition that the row came from',
    kafka_offset          Int64                          COMMENT 'Offset of the record that the row came from',
    conversion_id         String                         COMMENT 'Id of the conversion; the event''s where it has none',
    customer_id           String                         COMMENT 'Customer who converted',
    visitor_id            String                         COMMENT 'Visitor that the conversion names',
    click_id              String                         COMMENT 'Click that the conversion names',
    email_hash            String                         COMMENT 'Hash of the customer''s email address, as given',
    kind                  LowCardinality(String)         COMMENT 'lead, signup, sale, renewal or custom',
    name                  String                         COMMENT 'Name of a custom conversion',
    order_id              String                         COMMENT 'Order that the conversion belongs to',
    coupon_code           String                         COMMENT 'Coupon code that was used',
    verdict               LowCardinality(String)         COMMENT 'attributed, unattributed, inactive or duplicate',
    reason                String                         COMMENT 'Why it is not attributed',
    original_amount_minor Int64                          COMMENT 'Amount in minor units of original_currency',
    original_currency     LowCardinality(String)         COMMENT 'Currency of the event, ISO 4217',
    amount_minor          Int64                          COMMENT 'Amount at decision, in minor units of currency',
    currency              LowCardinality(String)         COMMENT 'Currency of the program at that time, ISO 4217',
    program_version       LowCardinality(String)         COMMENT 'valid_from of the program version that decided it',
    config_revision       LowCardinality(String)         COMMENT 'Revision of the configuration that decided it, see configurations',
    margin                Nullable(Float64) DEFAULT NULL COMMENT 'Margin of the program version; null where it names none',
    day                   Date32                         COMMENT 'Day of time in the time zone of the program',
    metadata              Map(String, String)            COMMENT 'Metadata of the event',
    candidates            Array(String)                  COMMENT 'Every touch that was considered: kind, referrer and click, percent-encoded and joined by /',
    skipped               Array(String)                  COMMENT 'For each of candidates why it was skipped; empty for one that counts',
    kafka_incarnation     LowCardinality(String)         COMMENT 'Id of the topic in Kafka: a topic made anew has another',
    batch                 UInt64                         COMMENT 'Number of the batch that wrote the row, counted by partition from 1',
    ingested              DateTime64(3, 'UTC')           COMMENT 'Time of that batch; the same in a replay',
    lease_until           DateTime64(3, 'UTC')           COMMENT 'Until when the worker that wrote the row was sure to own the partition',
    CONSTRAINT lease CHECK lease_until > nowInBlock64()
)
ENGINE = MergeTree
PARTITION BY toYYYYMM(ingested)
ORDER BY (org_id, program_id, conversion_id, time)
SETTINGS non_replicated_deduplication_window = 100000, fsync_after_insert = 1, fsync_part_directory = 1, index_granularity = 1024
COMMENT 'Stored conversions, as decided';
-- +goose StatementEnd
