-- +goose Up
-- +goose StatementBegin
ALTER TABLE conversions
    ADD COLUMN IF NOT EXISTS clicks_seen Array(UInt64)
        COMMENT 'By partition of the clicks, the last batch that was sure to be known when it was decided; a later one may have been' AFTER touched_at,
    ADD COLUMN IF NOT EXISTS members_seen Array(UInt64)
        COMMENT 'The same of the members' AFTER clicks_seen
-- +goose StatementEnd
