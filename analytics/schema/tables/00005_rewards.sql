-- +goose Up
-- +goose StatementBegin
CREATE TABLE IF NOT EXISTS rewards
(
    org_id             LowCardinality(String)                   COMMENT 'Organisation; nothing of it is ever seen by another',
    program_id         LowCardinality(String)                   COMMENT 'Program of the organisation; empty where an event has none',
    time               DateTime64(3, 'UTC')                     COMMENT 'When the cause of the event was decided',
    event_id           String                                   COMMENT 'Id of the CloudEvent',
    source             LowCardinality(String)                   COMMENT 'Source of the CloudEvent',
    kafka_topic        LowCardinality(String)                   COMMENT 'Topic that the row came from, prefix included',
    kafka_partition    Int32                                    COMMENT 'Partition that the row came from',
    kafka_offset       Int64                                    COMMENT 'Offset of the record that the row came from',
    reward_id          String                                   COMMENT 'Id of the reward, the same in all of its events',
    sequence           Int64                                    COMMENT 'Counts the events of the reward from 1',
    event_type         LowCardinality(String)                   COMMENT 'earned, held, approved, increased or reversed',
    status             LowCardinality(String)                   COMMENT 'Status after the event: pending, approved, held or reversed',
    rule_id            LowCardinality(String)                   COMMENT 'Rule that gave it',
    rule_version       LowCardinality(String)                   COMMENT 'valid_from of the program version that gave it',
    reward             LowCardinality(String)                   COMMENT 'Id of the reward in its rule or tier',
    tier_id            LowCardinality(String)                   COMMENT 'Tier that was reached; empty where the rule has none',
    period             LowCardinality(String)                   COMMENT 'Period that the rule counts over, for example lifetime or 2026-11',
    occurrence         Int64                                    COMMENT 'How often the tier was reached, from 1; 0 where the rule has none',
    beneficiary_id     String                                   COMMENT 'Member or customer who gets it',
    beneficiary_role   LowCardinality(String)                   COMMENT 'referrer, referee or member',
    reward_type        LowCardinality(String)                   COMMENT 'cash, credit, points, discount, gift_card or custom',
    amount_minor       Int64                                    COMMENT 'Money that the event moves, always positive, in minor units of currency',
    currency           LowCardinality(String)                   COMMENT 'Currency of money rewards, ISO 4217; else empty',
    quantity           Int64                                    COMMENT 'Quantity that the event moves, always positive',
    unit               LowCardinality(String)                   COMMENT 'Unit of quantity rewards; else empty',
    remaining_minor    Int64                                    COMMENT 'Net value of a money reward after the event',
    remaining_quantity Int64                                    COMMENT 'Net value of a quantity reward after the event',
    conversion_id      String                                   COMMENT 'Conversion that the reward is for',
    conversion_time    DateTime64(3, 'UTC')                     COMMENT 'Time of that conversion',
    budget_id          LowCardinality(String)                   COMMENT 'Budget that pays it; empty where the rule has none',
    available_at       DateTime64(3, 'UTC')                     COMMENT 'When the hold ends: conversion time + hold',
    reason             String                                   COMMENT 'Why it was held or reversed',
    day                Date32 DEFAULT toDate32(conversion_time) COMMENT 'Day of the conversion, in the time zone of the program',
    kafka_incarnation  LowCardinality(String)                   COMMENT 'Id of the topic in Kafka: a topic made anew has another',
    batch              UInt64                                   COMMENT 'Number of the batch that wrote the row, counted by partition from 1',
    ingested           DateTime64(3, 'UTC')                     COMMENT 'Time of that batch; the same in a replay',
    lease_until        DateTime64(3, 'UTC')                     COMMENT 'Until when the worker that wrote the row was sure to own the partition',
    CONSTRAINT lease CHECK lease_until > nowInBlock64()
)
ENGINE = MergeTree
PARTITION BY toYYYYMM(ingested)
ORDER BY (org_id, program_id, reward_id, sequence)
SETTINGS non_replicated_deduplication_window = 100000, fsync_after_insert = 1, fsync_part_directory = 1
COMMENT 'Reward events: what each moved, and what is left of the reward after it';
-- +goose StatementEnd
