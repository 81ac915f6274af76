-- +goose Up
-- +goose StatementBegin
ALTER TABLE conversions
    ADD COLUMN IF NOT EXISTS touched_at Array(DateTime64(3, 'UTC'))
        COMMENT 'For each of candidates when it was touched; a coupon at the time of the conversion, a click that is not known in 1970' AFTER skipped,
    COMMENT COLUMN candidates 'Every candidate: kind (coupon, click or touch; bound where the first conversion of the customer decides), referrer and click, percent-encoded and joined by /',
    COMMENT COLUMN skipped 'For each of candidates why it has no say: self_referral, same_email, banned, outside_window, unknown_coupon, unknown_click or outranked; empty for one that counts'
-- +goose StatementEnd
