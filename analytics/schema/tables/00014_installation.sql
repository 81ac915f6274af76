-- +goose Up
-- +goose StatementBegin
CREATE TABLE IF NOT EXISTS installation
(
    installation String               COMMENT 'Id of the installation that these books belong to',
    recorded_at  DateTime64(3, 'UTC') COMMENT 'When it was recorded'
)
ENGINE = MergeTree
ORDER BY recorded_at
SETTINGS non_replicated_deduplication_window = 100000, fsync_after_insert = 1, fsync_part_directory = 1
COMMENT 'Which installation writes these books: its state in Redis has the same id';
-- +goose StatementEnd
