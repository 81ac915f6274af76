-- +goose Up
-- +goose StatementBegin
ALTER TABLE credits
    ADD COLUMN IF NOT EXISTS peers Array(Int64) DEFAULT []
        COMMENT 'In place of shares where there are more than 100 referrers: for each size of credit the size, how many referrers have it, and how many of those go before the beneficiary' AFTER shares,
    COMMENT COLUMN shares 'Credits of all referrers of the conversion, the earlier touch first; empty where there are more than 100',
    COMMENT COLUMN share_index 'Place of the beneficiary among the referrers of the conversion; -1 for a referee'
-- +goose StatementEnd
