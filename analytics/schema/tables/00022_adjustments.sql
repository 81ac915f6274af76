-- +goose Up
-- What an adjustment took of the amount as the conversion names it. Rows from before
-- have what is exact where the conversion is in the program's currency.
-- +goose StatementBegin
ALTER TABLE adjustments
    ADD COLUMN IF NOT EXISTS original_amount_minor Int64 DEFAULT amount_minor
        COMMENT 'Signed change of the net amount, in minor units of the conversion''s original currency' AFTER amount_minor
-- +goose StatementEnd
