-- +goose Up
-- What every batch wrote, as the worker knew it: what stands in the tables is held
-- against it. Each table keeps the same sums of its rows as a projection, so that
-- they are compared without reading rows. Rows of before have no account in batches, so
-- that projection is not made of them.
-- +goose StatementBegin
CREATE TABLE IF NOT EXISTS batches
(
    kafka_topic       LowCardinality(String)              COMMENT 'Topic of the batch, prefix included',
    kafka_partition   Int32                               COMMENT 'Partition of the batch',
    kafka_offset      Int64                               COMMENT 'First offset of the batch',
    end_offset        Int64                               COMMENT 'Offset after the last; the first itself where the clock made the batch',
    records           UInt64                              COMMENT 'How many records the batch had; other offsets hold none',
    written           LowCardinality(String)              COMMENT 'Table that the row tells of; empty for the records that left no row, as those delivered again',
    rows              UInt64                              COMMENT 'How many rows the batch wrote there, or how many records left none',
    checksum          UInt64                              COMMENT 'Sum of the hashes of those rows, as in the projection by_batch of that table',
    offsets           Array(Int64)                        COMMENT 'The offset of each of those rows or records' CODEC(Delta(8), ZSTD),
    marks             Array(UInt16)                       COMMENT 'The low 16 bits of the hash of each of those rows',
    verdicts          Map(LowCardinality(String), UInt64) COMMENT 'Where written is empty: events of the batch by type and verdict',
    kafka_incarnation LowCardinality(String)              COMMENT 'Id of the topic in Kafka: a topic made anew has another',
    batch             UInt64                              COMMENT 'Number of the batch, counted by partition from 1',
    ingested          DateTime64(3, 'UTC')                COMMENT 'Time of the batch; the same in a replay',
    lease_until       DateTime64(3, 'UTC')                COMMENT 'Until when the worker that wrote the row was sure to own the partition',
    CONSTRAINT lease CHECK lease_until > nowInBlock64()
)
ENGINE = MergeTree
PARTITION BY toYYYYMM(ingested)
ORDER BY (kafka_topic, kafka_incarnation, kafka_partition, batch, written)
SETTINGS non_replicated_deduplication_window = 100000, fsync_after_insert = 1, fsync_part_directory = 1, index_granularity = 256
COMMENT 'Every batch and what it wrote: rows and a checksum for each table, and the records that left no row'
-- +goose StatementEnd
-- +goose StatementBegin
ALTER TABLE clicks
    ADD PROJECTION IF NOT EXISTS by_batch
    (
        SELECT kafka_incarnation, kafka_partition, batch, count(), sum(cityHash64(
            org_id, program_id, toUnixTimestamp64Milli(time), event_id, source, kafka_offset, click_id, referrer_id,
            visitor_id, actor_hash, link_id, campaign_id, channel, country, locale, landing_url, referer_url, verdict,
            reason, currency, toInt32(day)))
        GROUP BY kafka_incarnation, kafka_partition, batch
    )
-- +goose StatementEnd
-- +goose StatementBegin
ALTER TABLE conversions
    ADD PROJECTION IF NOT EXISTS by_batch
    (
        SELECT kafka_incarnation, kafka_partition, batch, count(), sum(cityHash64(
            org_id, program_id, toUnixTimestamp64Milli(time), event_id, source, kafka_offset, conversion_id, customer_id,
            visitor_id, click_id, email_hash, kind, name, order_id, coupon_code, verdict, reason, original_amount_minor,
            original_currency, amount_minor, currency, program_version, config_revision, toInt32(day),
            arrayStringConcat(candidates, '\n'), arrayStringConcat(skipped, '\n')))
        GROUP BY kafka_incarnation, kafka_partition, batch
    )
-- +goose StatementEnd
-- +goose StatementBegin
ALTER TABLE adjustments
    ADD PROJECTION IF NOT EXISTS by_batch
    (
        SELECT kafka_incarnation, kafka_partition, batch, count(), sum(cityHash64(
            org_id, program_id, toUnixTimestamp64Milli(time), event_id, source, kafka_offset, conversion_id, customer_id,
            kind, amount_minor, original_amount_minor, counts_after, reason, currency, toInt32(day)))
        GROUP BY kafka_incarnation, kafka_partition, batch
    )
-- +goose StatementEnd
-- +goose StatementBegin
ALTER TABLE attributions
    ADD PROJECTION IF NOT EXISTS by_batch
    (
        SELECT kafka_incarnation, kafka_partition, batch, count(), sum(cityHash64(
            org_id, program_id, toUnixTimestamp64Milli(time), event_id, source, kafka_offset, conversion_id, referrer_id,
            model, paying, credit_ppm, amount_minor, touches, toUnixTimestamp64Milli(first_touch_at),
            toUnixTimestamp64Milli(last_touch_at), toInt32(day), arrayStringConcat(candidates, '\n'),
            arrayStringConcat(skipped, '\n')))
        GROUP BY kafka_incarnation, kafka_partition, batch
    )
-- +goose StatementEnd
-- +goose StatementBegin
ALTER TABLE rewards
    ADD PROJECTION IF NOT EXISTS by_batch
    (
        SELECT kafka_incarnation, kafka_partition, batch, count(), sum(cityHash64(
            org_id, program_id, toUnixTimestamp64Milli(time), event_id, source, kafka_offset, reward_id, sequence,
            event_type, status, rule_id, rule_version, reward, tier_id, period, occurrence, beneficiary_id,
            beneficiary_role, reward_type, amount_minor, currency, quantity, unit, remaining_minor, remaining_quantity,
            withheld, conversion_id, toUnixTimestamp64Milli(conversion_time), budget_id,
            toUnixTimestamp64Milli(available_at), reason, toInt32(day)))
        GROUP BY kafka_incarnation, kafka_partition, batch
    )
-- +goose StatementEnd
-- +goose StatementBegin
ALTER TABLE fulfillments
    ADD PROJECTION IF NOT EXISTS by_batch
    (
        SELECT kafka_incarnation, kafka_partition, batch, count(), sum(cityHash64(
            org_id, program_id, toUnixTimestamp64Milli(time), event_id, source, kafka_offset, reward_id, event_type,
            external_id, decision, actor, reason, beneficiary_id, amount_minor, currency, quantity, unit))
        GROUP BY kafka_incarnation, kafka_partition, batch
    )
-- +goose StatementEnd
-- +goose StatementBegin
ALTER TABLE members
    ADD PROJECTION IF NOT EXISTS by_batch
    (
        SELECT kafka_incarnation, kafka_partition, batch, count(), sum(cityHash64(
            org_id, program_id, toUnixTimestamp64Milli(time), event_id, source, kafka_offset, member_id, status,
            forgotten, arrayStringConcat(referral_codes, '\n'), arrayStringConcat(coupon_codes, '\n'),
            arrayStringConcat(segments, '\n'), attributes, locale, currency, email_hash))
        GROUP BY kafka_incarnation, kafka_partition, batch
    )
-- +goose StatementEnd
-- +goose StatementBegin
ALTER TABLE identity_links
    ADD PROJECTION IF NOT EXISTS by_batch
    (
        SELECT kafka_incarnation, kafka_partition, batch, count(), sum(cityHash64(
            org_id, program_id, toUnixTimestamp64Milli(time), event_id, source, kafka_offset, customer_id, visitor_id))
        GROUP BY kafka_incarnation, kafka_partition, batch
    )
-- +goose StatementEnd
-- +goose StatementBegin
ALTER TABLE segment_events
    ADD PROJECTION IF NOT EXISTS by_batch
    (
        SELECT kafka_incarnation, kafka_partition, batch, count(), sum(cityHash64(
            org_id, program_id, toUnixTimestamp64Milli(time), event_id, source, kafka_offset, segment_id, member_id,
            event_type, sequence))
        GROUP BY kafka_incarnation, kafka_partition, batch
    )
-- +goose StatementEnd
-- +goose StatementBegin
ALTER TABLE waiting_log
    ADD PROJECTION IF NOT EXISTS by_batch
    (
        SELECT kafka_incarnation, kafka_partition, batch, count(), sum(cityHash64(
            org_id, program_id, toUnixTimestamp64Milli(time), event_id, source, kafka_offset, conversion_id, customer_id,
            kind, has_amount, amount_minor, reason, toUnixTimestamp64Milli(kafka_time)))
        GROUP BY kafka_incarnation, kafka_partition, batch
    )
-- +goose StatementEnd
-- +goose StatementBegin
ALTER TABLE credits
    ADD PROJECTION IF NOT EXISTS by_batch
    (
        SELECT kafka_incarnation, kafka_partition, batch, count(), sum(cityHash64(
            org_id, program_id, toUnixTimestamp64Milli(time), event_id, source, kafka_offset, conversion_id, sequence,
            role, beneficiary_id, customer_id, kind, name, toUnixTimestamp64Milli(conversion_time),
            toUnixTimestamp64Milli(decided_at), locale, currency, amount_minor, net_minor, counts, credit_ppm,
            credited_minor, share_index, arrayStringConcat(rules, '\n')))
        GROUP BY kafka_incarnation, kafka_partition, batch
    )
-- +goose StatementEnd
-- +goose StatementBegin
ALTER TABLE dead_letters
    ADD PROJECTION IF NOT EXISTS by_batch
    (
        SELECT kafka_incarnation, batch_partition, batch, count(), sum(cityHash64(
            org_id, program_id, toUnixTimestamp64Milli(time), event_id, source, kafka_topic, kafka_partition,
            kafka_offset, reason, detail, key))
        GROUP BY kafka_incarnation, batch_partition, batch
    )
-- +goose StatementEnd
-- +goose StatementBegin
ALTER TABLE archive
    ADD PROJECTION IF NOT EXISTS by_batch
    (
        SELECT kafka_incarnation, kafka_partition, batch, count(), sum(cityHash64(
            kafka_offset, key, value))
        GROUP BY kafka_incarnation, kafka_partition, batch
    )
-- +goose StatementEnd
