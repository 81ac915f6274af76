-- +goose Up
-- What the program files say of goals and budgets, for the views that report against
-- them. Each revision that workers take up is written whole, with one time: of a
-- program's or an org's rows those with the newest count.
-- +goose StatementBegin
CREATE TABLE IF NOT EXISTS goals
(
    org_id          LowCardinality(String) COMMENT 'Organisation; nothing of it is ever seen by another',
    program_id      LowCardinality(String) COMMENT 'Program of the organisation',
    goal_id         String                 COMMENT 'Goal of the program; empty in a row that says that the program was there',
    metric          LowCardinality(String) COMMENT 'What is counted: conversions, revenue or points',
    target          Int64                  COMMENT 'Target to reach: a count, or for revenue minor units of the currency of the program',
    starts_at       DateTime64(3, 'UTC')   COMMENT 'The first instant that counts',
    ends_at         DateTime64(3, 'UTC')   COMMENT 'The first instant that counts no more',
    points          Map(String, Int64)     COMMENT 'Points of a conversion, by valid_from of the program version, a slash, and the kind',
    config_revision LowCardinality(String) COMMENT 'Revision of the configuration that says so, see configurations',
    taken_at        DateTime64(3, 'UTC')   COMMENT 'When a worker took it up'
)
ENGINE = MergeTree
ORDER BY (org_id, program_id, taken_at, goal_id)
SETTINGS non_replicated_deduplication_window = 100000, fsync_after_insert = 1, fsync_part_directory = 1
COMMENT 'Goals of programs, by every revision of the configuration that was taken up'
-- +goose StatementEnd
