-- +goose Up
-- +goose StatementBegin
CREATE TABLE IF NOT EXISTS agreed
(
    name        String               COMMENT 'What it is about: a topic, the hash secret',
    value       String               COMMENT 'What was agreed on first: it stays',
    recorded_at DateTime64(3, 'UTC') COMMENT 'When it was recorded'
)
ENGINE = MergeTree
ORDER BY (name, recorded_at)
SETTINGS non_replicated_deduplication_window = 100000, fsync_after_insert = 1, fsync_part_directory = 1
COMMENT 'What the workers of the installation agreed on, as Redis holds it';
-- +goose StatementEnd
