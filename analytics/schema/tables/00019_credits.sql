-- +goose Up
-- What one member has is found without reading every credit of the program.
-- +goose StatementBegin
ALTER TABLE credits ADD INDEX IF NOT EXISTS beneficiaries beneficiary_id TYPE bloom_filter(0.01) GRANULARITY 1
-- +goose StatementEnd
