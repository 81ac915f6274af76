-- An adjustment waits until a row of its own position is applied, or refused.
CREATE OR REPLACE VIEW waiting
SQL SECURITY INVOKER
AS SELECT *
FROM waiting_log
WHERE (kafka_topic, kafka_partition, kafka_offset) NOT IN (SELECT kafka_topic, kafka_partition, kafka_offset FROM adjustments)
    AND (kafka_topic, kafka_partition, kafka_offset) NOT IN (SELECT kafka_topic, kafka_partition, kafka_offset FROM dead_letters WHERE reason = 'unknown_conversion')
COMMENT 'Adjustments whose conversion has not come yet';
