-- The events of a reward are numbered from 1 without a gap, and each leaves what its
-- move makes of what was left before: of what was let through (remaining) and of what is
-- withheld. Its status follows from both.
SELECT o AS org_id, g AS program_id, toString(d) AS day, id, '' AS source, last_at AS position,
    multiIf(
        sequences != arrayMap(n -> toInt64(n + 1), range(length(sequences))), concat('its events have the sequences ', toString(arraySlice(sequences, 1, 20))),
        notEmpty(broken), concat('after event ', toString(broken[1]), ' remains ', toString(events[broken[1]].4), ' and is withheld ', toString(events[broken[1]].5),
            ', which does not follow from the event before it'),
        concat('after event ', toString(misplaced[1]), ' its status is ', events[misplaced[1]].6)) AS text
FROM
(
    SELECT toString(org_id) AS o, toString(program_id) AS g, reward_id AS id, any(rewards.day) AS d,
        argMax(concat(kafka_topic, '/', toString(kafka_partition), '/', toString(kafka_offset)), sequence) AS last_at,
        arraySort(x -> x.1, groupArray((sequence, toString(event_type), amount_minor + quantity, remaining_minor + remaining_quantity, withheld, toString(status)))) AS events,
        arrayMap(x -> x.1, events) AS sequences,
        arrayMap(x -> x.4, events) AS left, arrayPushFront(arrayPopBack(left), toInt64(0)) AS left_before,
        arrayMap(x -> x.5, events) AS held, arrayPushFront(arrayPopBack(held), toInt64(0)) AS held_before,
        arrayFilter(n -> NOT multiIf(
                events[n].2 IN ('earned', 'increased'), left[n] = left_before[n] + events[n].3 AND held[n] = 0,
                events[n].2 = 'held', left[n] = left_before[n] AND held[n] = held_before[n] + events[n].3,
                events[n].2 = 'approved', left[n] = left_before[n] AND events[n].3 = left[n] AND held[n] = held_before[n],
                events[n].2 = 'reversed', left[n] + held[n] = left_before[n] + held_before[n] - events[n].3,
                false) OR left[n] < 0 OR held[n] < 0,
            arrayEnumerate(events)) AS broken,
        arrayFilter(n -> NOT multiIf(
                left[n] = 0, events[n].6 = if(held[n] > 0, 'held', 'reversed'),
                events[n].2 = 'approved', events[n].6 = 'approved',
                events[n].6 IN ('pending', 'approved')),
            arrayEnumerate(events)) AS misplaced
    FROM rewards
    WHERE ({org:String} = '' OR org_id = {org:String}) AND ({program:String} = '' OR program_id = {program:String})
    GROUP BY org_id, program_id, reward_id
    HAVING d BETWEEN toDate32({from:String}) AND toDate32({to:String})
)
WHERE sequences != arrayMap(n -> toInt64(n + 1), range(length(sequences))) OR notEmpty(broken) OR notEmpty(misplaced)
