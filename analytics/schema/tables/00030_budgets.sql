-- +goose Up
-- +goose StatementBegin
CREATE TABLE IF NOT EXISTS budgets
(
    org_id          LowCardinality(String) COMMENT 'Organisation; nothing of it is ever seen by another',
    program_id      LowCardinality(String) COMMENT 'Empty: budgets are of an organisation',
    budget_id       String                 COMMENT 'Budget of the organisation; empty in a row that says that the organisation was there',
    team            LowCardinality(String) COMMENT 'Team that the budget belongs to; empty for one of the organisation',
    period_kind     LowCardinality(String) COMMENT 'lifetime, year, quarter, month or week, in UTC',
    limit_minor     Int64                  COMMENT 'What rewards may have of it in a period, in minor units of currency',
    currency        LowCardinality(String) COMMENT 'Currency of the budget, ISO 4217',
    config_revision LowCardinality(String) COMMENT 'Revision of the configuration that says so, see configurations',
    taken_at        DateTime64(3, 'UTC')   COMMENT 'When a worker took it up'
)
ENGINE = MergeTree
ORDER BY (org_id, taken_at, budget_id)
SETTINGS non_replicated_deduplication_window = 100000, fsync_after_insert = 1, fsync_part_directory = 1
COMMENT 'Budgets of organisations, by every revision of the configuration that was taken up'
-- +goose StatementEnd
