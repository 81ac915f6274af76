-- +goose Up
-- +goose StatementBegin
CREATE TABLE IF NOT EXISTS configurations
(
    config_revision String               COMMENT 'Hash of the program configuration',
    source          String               COMMENT 'Its canonical text: loading it again gives the same configuration',
    recorded_at     DateTime64(3, 'UTC') COMMENT 'When a worker recorded it first'
)
ENGINE = MergeTree
ORDER BY config_revision
SETTINGS non_replicated_deduplication_window = 100000, fsync_after_insert = 1, fsync_part_directory = 1
COMMENT 'Every revision of the program configuration that decided anything';
-- +goose StatementEnd
