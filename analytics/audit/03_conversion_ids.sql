-- A conversion_id counts once in a program, for ever (contract §4: duplicate).
SELECT toString(org_id) AS org_id, toString(program_id) AS program_id, toString(min(day)) AS day, conversion_id AS id, '' AS source,
    arrayStringConcat(groupArray(5)(concat(kafka_topic, '/', toString(kafka_partition), '/', toString(kafka_offset))), ' ') AS position,
    concat(toString(count()), ' conversions of this id count') AS text
FROM conversions
WHERE verdict IN ('attributed', 'unattributed') AND ({org:String} = '' OR org_id = {org:String}) AND ({program:String} = '' OR program_id = {program:String})
GROUP BY org_id, program_id, conversion_id
HAVING count() > 1 AND min(conversions.day) BETWEEN toDate32({from:String}) AND toDate32({to:String})
