-- +goose Up
-- +goose StatementBegin
-- A member's credits side by side: what segments filter conversions by asks for
-- them in every batch.
ALTER TABLE credits
    ADD PROJECTION IF NOT EXISTS by_beneficiary
    (
        SELECT org_id, beneficiary_id, role, program_id, conversion_id, sequence, counts, credit_ppm, credited_minor, conversion_time
        ORDER BY org_id, beneficiary_id, role, program_id, conversion_id, sequence
    )
-- +goose StatementEnd
-- +goose StatementBegin
ALTER TABLE credits MATERIALIZE PROJECTION by_beneficiary
-- +goose StatementEnd
