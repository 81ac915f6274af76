-- +goose Up
-- +goose StatementBegin
ALTER TABLE conversions
    ADD COLUMN IF NOT EXISTS claims UInt8 DEFAULT multiIf(verdict IN ('attributed', 'unattributed'), if(order_id = '', 1, 3), verdict = 'duplicate' AND reason = 'order_id', 1, 0)
        COMMENT 'Which ids the conversion claimed, so that who comes after it with one is a duplicate: 1 conversion_id, 2 order_id, 3 both' AFTER members_seen,
    ADD COLUMN IF NOT EXISTS order_key UInt64 MATERIALIZED if(order_id = '', 0, cityHash64(org_id, program_id, concat(kind, '/', order_id)))
        COMMENT 'What by_order is sorted by' AFTER claims
-- +goose StatementEnd
-- +goose StatementBegin
ALTER TABLE conversions
    ADD PROJECTION IF NOT EXISTS by_order (SELECT _part_offset ORDER BY order_key) WITH SETTINGS (index_granularity = 512)
-- +goose StatementEnd
-- +goose StatementBegin
ALTER TABLE conversions MATERIALIZE PROJECTION by_order
-- +goose StatementEnd
