-- +goose Up
-- Of what a batch changed in Redis the latest is kept, so that Redis can be made anew.
-- There are no partitions by month: what replaces a row must be able to merge with it.
-- +goose StatementBegin
CREATE TABLE IF NOT EXISTS changelog
(
    kafka_topic       LowCardinality(String) COMMENT 'Topic of the partition that remembers it, prefix included',
    kafka_partition   Int32                  COMMENT 'That partition',
    kafka_offset      Int64                  COMMENT 'Offset before the batch',
    kind              LowCardinality(String) COMMENT 'journal, value, queue, shared or claim',
    key               String                 COMMENT 'Key in the memory of the partition, or of what partitions share',
    member            String                 COMMENT 'Member of a queue, or field of what is shared',
    piece             Int64                  COMMENT 'Batch of bytes that were appended to a value; 0 for a value that was set',
    value             String                 COMMENT 'The value, as the stage encodes it' CODEC(ZSTD(1)),
    rank              Int64                  COMMENT 'Rank in a queue, or the offset that owns a claim',
    gone              UInt8                  COMMENT '1 if the batch deleted it',
    kafka_incarnation LowCardinality(String) COMMENT 'Id of the topic in Kafka: a topic made anew has another',
    batch             UInt64                 COMMENT 'Number of the batch that wrote it; of one key the highest counts',
    ingested          DateTime64(3, 'UTC')   COMMENT 'Time of that batch; the same in a replay',
    lease_until       DateTime64(3, 'UTC')   COMMENT 'Until when the worker that wrote the row was sure to own the partition',
    CONSTRAINT lease CHECK lease_until > nowInBlock64(),
    INDEX times ingested TYPE minmax GRANULARITY 4,
    INDEX batches batch TYPE minmax GRANULARITY 4
)
ENGINE = ReplacingMergeTree(batch)
ORDER BY (kafka_incarnation, kafka_partition, kind, key, member, piece)
SETTINGS non_replicated_deduplication_window = 100000, fsync_after_insert = 1, fsync_part_directory = 1, index_granularity = 1024
COMMENT 'What Redis remembers, as every batch changed it: grapevine rebuild makes Redis anew of it';
-- +goose StatementEnd
