-- +goose Up
-- What a reward has of its budget. Rows of before have what is exact where the reward
-- is in the budget's currency; their period is that of the budget as it is now.
-- +goose StatementBegin
ALTER TABLE rewards
    ADD COLUMN IF NOT EXISTS drawn_minor Int64 DEFAULT if(budget_id = '', 0, remaining_minor)
        COMMENT 'What the reward has of its budget after the event, in minor units of drawn_currency' AFTER withheld,
    ADD COLUMN IF NOT EXISTS drawn_currency LowCardinality(String) DEFAULT if(budget_id = '', '', currency)
        COMMENT 'Currency of the budget when the reward first asked it, ISO 4217; empty where it did not' AFTER drawn_minor,
    ADD COLUMN IF NOT EXISTS drawn_period LowCardinality(String) DEFAULT ''
        COMMENT 'Period of the budget, in UTC, for example 2026-11; empty where it was not asked' AFTER drawn_currency
-- +goose StatementEnd
