-- An event waits until a row of its own position is stored, or it is refused for
-- whatever reason: an adjustment can turn out to be of another customer.
CREATE OR REPLACE VIEW waiting
SQL SECURITY INVOKER
AS SELECT *
FROM waiting_log
WHERE (kafka_topic, kafka_partition, kafka_offset) NOT IN (SELECT kafka_topic, kafka_partition, kafka_offset FROM adjustments)
    AND (kafka_topic, kafka_partition, kafka_offset) NOT IN (SELECT kafka_topic, kafka_partition, kafka_offset FROM fulfillments)
    AND (kafka_topic, kafka_partition, kafka_offset) NOT IN (SELECT kafka_topic, kafka_partition, kafka_offset FROM dead_letters)
COMMENT 'Adjustments whose conversion has not come yet, and what was told of rewards that have not';
