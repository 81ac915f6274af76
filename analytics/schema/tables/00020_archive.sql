-- +goose Up
-- +goose StatementBegin
CREATE TABLE IF NOT EXISTS archive
(
    kafka_topic       LowCardinality(String) COMMENT 'Topic of the partition whose memory the value left, prefix included',
    kafka_partition   Int32                  COMMENT 'That partition',
    kafka_offset      Int64                  COMMENT 'Offset before the batch that moved it',
    key               String                 COMMENT 'Its key in the memory of the partition',
    value             String                 COMMENT 'The value, as the stage encodes it' CODEC(ZSTD(1)),
    kafka_incarnation LowCardinality(String) COMMENT 'Id of the topic in Kafka: a topic made anew has another',
    batch             UInt64                 COMMENT 'Number of the batch that moved it; of one key the highest counts',
    ingested          DateTime64(3, 'UTC')   COMMENT 'Time of that batch; the same in a replay',
    lease_until       DateTime64(3, 'UTC')   COMMENT 'Until when the worker that wrote the row was sure to own the partition',
    CONSTRAINT lease CHECK lease_until > nowInBlock64()
)
ENGINE = MergeTree
PARTITION BY toYYYYMM(ingested)
ORDER BY key
SETTINGS non_replicated_deduplication_window = 100000, fsync_after_insert = 1, fsync_part_directory = 1, index_granularity = 256
COMMENT 'What left the hot memory in Redis: state of customers, conversions and ledgers that no batch wrote for long';
-- +goose StatementEnd
