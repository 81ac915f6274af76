-- A member enters a segment and leaves it in turn, numbered from 1.
SELECT toString(org_id) AS org_id, '' AS program_id, toString(toDate(max(time))) AS day, concat(segment_id, ' of ', member_id) AS id, '' AS source,
    argMax(concat(kafka_topic, '/', toString(kafka_partition), '/', toString(kafka_offset)), sequence) AS position,
    concat('the member entered and left as ', toString(arraySlice(events, 1, 10))) AS text
FROM
(
    SELECT org_id, segment_id, member_id, time, kafka_topic, kafka_partition, kafka_offset, sequence, toString(event_type) AS kind
    FROM segment_events
    WHERE ({org:String} = '' OR org_id = {org:String})
)
GROUP BY org_id, segment_id, member_id
HAVING (arraySort(groupArray((sequence, kind))) AS events)
    != arrayMap(n -> (toInt64(n + 1), if(n % 2 = 0, 'entered', 'left')), range(count()))
    AND toDate32(max(time)) BETWEEN toDate32({from:String}) AND toDate32({to:String})
