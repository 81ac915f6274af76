-- What customers are worth, by the month of their first conversion that counts and
-- by whether that came from a referral. Conversions of a customer stand in the order
-- of time, then conversion_id. A month without conversions has no row; the sums up to
-- it stand in the row before it.
CREATE OR REPLACE VIEW cohort_ltv
(
    org_id                   String  COMMENT 'Organisation',
    program_id               String  COMMENT 'Program of the organisation',
    cohort                   Date32  COMMENT 'First day of the month of the customers'' first conversion that counts, in the time zone of the program',
    referred                 UInt8   COMMENT '1 if that conversion is attributed, else 0',
    month                    UInt16  COMMENT 'Months since the month of cohort, from 0',
    cohort_customers         UInt64  COMMENT 'Customers of the cohort, whatever the month',
    customers                UInt64  COMMENT 'Those of them with a conversion that counts in the month',
    conversions              UInt64  COMMENT 'Conversions of the month that count now',
    revenue_minor            Int64   COMMENT 'Net amount of the conversions of the month, in minor units of currency',
    cumulative_revenue_minor Int64   COMMENT 'Net amount of all months up to this one, in minor units of currency',
    ltv_minor                Float64 COMMENT 'cumulative_revenue_minor / cohort_customers, in minor units of currency',
    currency                 String  COMMENT 'Currency of the program, ISO 4217'
)
SQL SECURITY INVOKER
AS SELECT
    org_id,
    program_id,
    cohort,
    referred,
    month,
    cohort_customers,
    customers,
    conversions,
    revenue_minor,
    cumulative_revenue_minor,
    cumulative_revenue_minor / cohort_customers AS ltv_minor,
    currency
FROM
(
    SELECT
        org_id, program_id, cohort, referred, count() AS cohort_customers, max(money) AS currency,
        sumMap(months, actives, counted, nets) AS sums
    FROM
    (
        SELECT
            org_id, program_id, toUInt8(argMin(attributed, (time, conversion_id))) AS referred, max(currency) AS money,
            argMin(day, (time, conversion_id)) AS first_day,
            makeDate32(toYear(first_day), toMonth(first_day), 1) AS cohort,
            sumMap([toUInt16(toYear(day) * 12 + toMonth(day))], [toUInt64(1)], [net_minor]) AS by_month,
            -- a version in another zone may put a later conversion on an earlier day
            arrayMap(m -> toUInt16(greatest(toInt32(m) - toInt32(toYear(first_day) * 12 + toMonth(first_day)), 0)), by_month.1) AS months,
            arrayMap(m -> toUInt64(1), by_month.1) AS actives, by_month.2 AS counted, by_month.3 AS nets
        FROM conversion_standings
        WHERE counts
        GROUP BY org_id, program_id, customer_id
    )
    GROUP BY org_id, program_id, cohort, referred
)
ARRAY JOIN sums.1 AS month, sums.2 AS customers, sums.3 AS conversions, sums.4 AS revenue_minor, arrayCumSum(sums.4) AS cumulative_revenue_minor
COMMENT 'Customers by the month of their first conversion, referred or not: how many came back in each month since, and what they were worth by then; money in minor units, net'
