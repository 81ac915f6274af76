-- An event waits until a row of its own position is stored, or it is refused for
-- whatever reason: an adjustment can turn out to be of another customer.
CREATE OR REPLACE VIEW waiting
(
    org_id            String               COMMENT 'Organisation; nothing of it is ever seen by another',
    program_id        String               COMMENT 'Program of the organisation; empty where an event has none',
    time              DateTime64(3, 'UTC') COMMENT 'When it happened, by the event, truncated to the millisecond',
    event_id          String               COMMENT 'Id of the CloudEvent',
    source            String               COMMENT 'Source of the CloudEvent',
    kafka_topic       String               COMMENT 'Topic that the row came from, prefix included',
    kafka_partition   Int32                COMMENT 'Partition that the row came from',
    kafka_offset      Int64                COMMENT 'Offset of the record that the row came from',
    conversion_id     String               COMMENT 'Conversion that is not known yet',
    customer_id       String               COMMENT 'Customer that the adjustment names',
    kind              String               COMMENT 'refund, chargeback, cancel or correction',
    has_amount        UInt8                COMMENT '0 if the adjustment takes all that is left',
    amount_minor      Int64                COMMENT 'Amount of the event, in minor units of the conversion''s currency',
    reason            String               COMMENT 'Reason of the event',
    kafka_time        DateTime64(3, 'UTC') COMMENT 'Kafka timestamp, from which the time of waiting counts',
    kafka_incarnation String               COMMENT 'Id of the topic in Kafka: a topic made anew has another',
    batch             UInt64               COMMENT 'Number of the batch that wrote the row, counted by partition from 1',
    ingested          DateTime64(3, 'UTC') COMMENT 'Time of that batch; the same in a replay',
    lease_until       DateTime64(3, 'UTC') COMMENT 'Until when the worker that wrote the row was sure to own the partition'
)
SQL SECURITY INVOKER
AS SELECT
    org_id, program_id, time, event_id, source, kafka_topic, kafka_partition, kafka_offset, conversion_id, customer_id, kind, has_amount, amount_minor,
    reason, kafka_time, kafka_incarnation, batch, ingested, lease_until
FROM waiting_log
WHERE (kafka_topic, kafka_partition, kafka_offset) NOT IN (SELECT kafka_topic, kafka_partition, kafka_offset FROM adjustments)
    AND (kafka_topic, kafka_partition, kafka_offset) NOT IN (SELECT kafka_topic, kafka_partition, kafka_offset FROM fulfillments)
    AND (kafka_topic, kafka_partition, kafka_offset) NOT IN (SELECT kafka_topic, kafka_partition, kafka_offset FROM dead_letters)
COMMENT 'Adjustments whose conversion has not come yet, and what was told of rewards that have not';
