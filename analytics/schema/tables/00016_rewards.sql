-- +goose Up
-- What one conversion caused, and what one member has, is found without reading
-- every reward of the program.
-- +goose StatementBegin
ALTER TABLE rewards
    ADD INDEX IF NOT EXISTS conversions conversion_id TYPE bloom_filter(0.01) GRANULARITY 1,
    ADD INDEX IF NOT EXISTS beneficiaries beneficiary_id TYPE bloom_filter(0.01) GRANULARITY 1
-- +goose StatementEnd
