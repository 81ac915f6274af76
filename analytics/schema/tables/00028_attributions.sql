-- +goose Up
-- What is left over when an amount is split goes by this order: views split what is
-- left of a conversion. Rows of before go by their first touches.
-- +goose StatementBegin
ALTER TABLE attributions
    ADD COLUMN IF NOT EXISTS place UInt32 DEFAULT 0
        COMMENT 'Place of the referrer among those of the conversion, the earliest touch first, from 0' AFTER last_touch_at
-- +goose StatementEnd
