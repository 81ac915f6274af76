-- What is left of each conversion, split by the credits of every model that was
-- computed for it: floors, and what is left over one by one to the largest remainders,
-- of equal ones to the referrer of the earlier touch. No amount is ever negative.
CREATE OR REPLACE VIEW model_comparison
(
    org_id             String  COMMENT 'Organisation',
    program_id         String  COMMENT 'Program of the organisation',
    day                Date32  COMMENT 'Day of the conversions, in the time zone of the program',
    model              String  COMMENT 'last_click, first_click, linear, position_based or time_decay',
    referrer_id        String  COMMENT 'Member who has credit by the model',
    conversions        Float64 COMMENT 'Sum of the credits by the model of conversions that count now, 1 for a whole conversion, whether the model paid or not',
    revenue_minor      Int64   COMMENT 'Net revenue credited by the model, in minor units of the currency of the program',
    paid_conversions   Float64 COMMENT 'Of conversions, those of whose credits rewards were made',
    paid_revenue_minor Int64   COMMENT 'Of revenue_minor, that of conversions of whose credits rewards were made'
)
SQL SECURITY INVOKER
AS SELECT
    org_id,
    program_id,
    day,
    of_model AS model,
    referrer AS referrer_id,
    sum(ppm) / 1000000 AS conversions,
    sum(part) AS revenue_minor,
    sumIf(ppm, paid) / 1000000 AS paid_conversions,
    sumIf(part, paid) AS paid_revenue_minor
FROM
(
    SELECT
        org_id, program_id, day, of_model, referrer, paid, if(counting, share, 0) AS ppm,
        floored + toInt64(toInt64(place_of_remainder) <= left_over) AS part
    FROM
    (
        SELECT
            org_id, program_id, day, counting, of_model,
            arrayFilter(c -> c.1 = of_model, credits_of) AS of_this,
            of_this.4 AS referrers, of_this.5 AS shares, of_this.6 AS paying_of,
            arrayMap(s -> toInt64(intDiv(toInt128(net) * s, 1000000)), shares) AS floors,
            arrayMap(s -> toInt64((toInt128(net) * s) % 1000000), shares) AS remainders,
            net - arraySum(floors) AS left_over,
            -- who comes first by remainder, and from that at which place each is
            arraySort(i -> (-remainders[i], i), arrayEnumerate(remainders)) AS by_remainder,
            arraySort((place, i) -> i, arrayEnumerate(by_remainder), by_remainder) AS places
        FROM
        (
            SELECT
                org_id, program_id, conversion_id, day, max(counts_now) AS counting, sum(net_of) AS net,
                arraySort(groupArrayIf((model_of, at_place, first, who, credit, is_paying), credit > 0)) AS credits_of
            FROM
            (
                SELECT
                    org_id, program_id, conversion_id, day, counts AS counts_now, net_minor AS net_of, '' AS model_of, toUInt32(0) AS at_place,
                    toInt64(0) AS first, '' AS who, toInt64(0) AS credit, toUInt8(0) AS is_paying
                FROM conversion_standings
                WHERE attributed
                UNION ALL
                SELECT
                    org_id, program_id, conversion_id, day, toUInt8(0), toInt64(0), toString(model), place,
                    toUnixTimestamp64Milli(first_touch_at), referrer_id, toInt64(credit_ppm), paying
                FROM attributions
            )
            GROUP BY org_id, program_id, conversion_id, day
        )
        ARRAY JOIN arrayDistinct(credits_of.1) AS of_model
    )
    ARRAY JOIN referrers AS referrer, shares AS share, paying_of AS paid, floors AS floored, places AS place_of_remainder
)
GROUP BY org_id, program_id, day, of_model, referrer
HAVING conversions != 0 OR revenue_minor != 0
COMMENT 'Who has credit by which model, shadow models beside the one that paid, by day of the conversion; money in minor units, net'
