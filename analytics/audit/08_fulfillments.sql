-- What was fulfilled is of a reward that stands, of its beneficiary and measure, and
-- not more than was ever earned of it.
SELECT o AS org_id, g AS program_id, toString(d) AS day, id, '' AS source, at AS position,
    multiIf(
        empty(of_rewards), 'it was fulfilled, and no such reward stands',
        NOT hasAll(of_rewards, of_fulfillments), concat('it was fulfilled to ', toString(of_fulfillments), ', and earned by ', toString(of_rewards)),
        concat(toString(fulfilled), ' was fulfilled of ', toString(earned), ' that was earned at most')) AS text
FROM
(
    SELECT o, g, id, anyIf(date, what = 1) AS d, anyIf(where_from, what = 1) AS at,
        groupUniqArrayIf(whose, what = 0) AS of_rewards, groupUniqArrayIf(whose, what = 1) AS of_fulfillments,
        sumIf(amount, what = 0) AS earned, sumIf(amount, what = 1) AS fulfilled
    FROM
    (
        SELECT toString(org_id) AS o, toString(program_id) AS g, reward_id AS id, toUInt8(1) AS what, concat(beneficiary_id, ' in ', currency, unit) AS whose,
            amount_minor + quantity AS amount, toDate32(time) AS date, concat(kafka_topic, '/', toString(kafka_partition), '/', toString(kafka_offset)) AS where_from
        FROM fulfillments
        WHERE event_type = 'fulfilled'
        UNION ALL
        SELECT toString(org_id), toString(program_id), reward_id, toUInt8(0), concat(beneficiary_id, ' in ', currency, unit),
            if(event_type IN ('earned', 'increased'), amount_minor + quantity, 0), toDate32(0), ''
        FROM rewards
        WHERE (org_id, reward_id) IN (SELECT org_id, reward_id FROM fulfillments WHERE event_type = 'fulfilled')
    )
    WHERE ({org:String} = '' OR o = {org:String}) AND ({program:String} = '' OR g = {program:String})
    GROUP BY o, g, id
    HAVING countIf(what = 1) > 0 AND d BETWEEN toDate32({from:String}) AND toDate32({to:String})
)
WHERE empty(of_rewards) OR NOT hasAll(of_rewards, of_fulfillments) OR fulfilled > earned
