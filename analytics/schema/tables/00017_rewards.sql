-- +goose Up
-- +goose StatementBegin
ALTER TABLE rewards
    ADD COLUMN IF NOT EXISTS withheld Int64
        COMMENT 'What a limit or budget holds back of the reward after the event, in minor units or units' AFTER remaining_quantity
-- +goose StatementEnd
