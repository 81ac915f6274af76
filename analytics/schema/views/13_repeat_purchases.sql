-- Sales and renewals that count, customer by customer, in the order of time, then
-- conversion_id.
CREATE OR REPLACE VIEW repeat_purchases
(
    org_id                String            COMMENT 'Organisation',
    program_id            String            COMMENT 'Program of the organisation',
    cohort                Date32            COMMENT 'First day of the month of the customers'' first purchase, in the time zone of the program',
    referred              UInt8             COMMENT '1 if that purchase is attributed, else 0',
    customers             UInt64            COMMENT 'Customers with a sale or renewal that counts now',
    repeat_customers      UInt64            COMMENT 'Those of them with two or more',
    loyal_customers       UInt64            COMMENT 'Those of them with three or more',
    purchases             UInt64            COMMENT 'Their sales and renewals that count now',
    revenue_minor         Int64             COMMENT 'Net amount of their purchases, in minor units of currency',
    repeat_revenue_minor  Int64             COMMENT 'That of all but their first purchases',
    currency              String            COMMENT 'Currency of the program, ISO 4217',
    repeat_rate           Float64           COMMENT 'repeat_customers / customers',
    purchases_a_customer  Float64           COMMENT 'purchases / customers',
    days_to_second        Nullable(Float64) COMMENT 'Days of 24 hours between the first and the second purchase, on average over repeat_customers; null without any'
)
SQL SECURITY INVOKER
AS SELECT
    org_id,
    program_id,
    cohort,
    referred,
    count() AS customers,
    countIf(bought >= 2) AS repeat_customers,
    countIf(bought >= 3) AS loyal_customers,
    sum(bought) AS purchases,
    sum(net) AS revenue_minor,
    sum(net - first_net) AS repeat_revenue_minor,
    max(money) AS currency,
    repeat_customers / customers AS repeat_rate,
    purchases / customers AS purchases_a_customer,
    if(repeat_customers = 0, NULL, sumIf(gap, bought >= 2) / repeat_customers / 86400000) AS days_to_second
FROM
(
    SELECT
        org_id, program_id, toUInt8(argMin(attributed, (time, conversion_id))) AS referred, max(currency) AS money,
        argMin(day, (time, conversion_id)) AS first_day,
        makeDate32(toYear(first_day), toMonth(first_day), 1) AS cohort,
        count() AS bought, sum(net_minor) AS net, argMin(net_minor, (time, conversion_id)) AS first_net,
        arraySort(groupArraySorted(2)(toUnixTimestamp64Milli(time))) AS firsts,
        firsts[-1] - firsts[1] AS gap
    FROM conversion_standings
    WHERE counts AND kind IN ('sale', 'renewal')
    GROUP BY org_id, program_id, customer_id
)
GROUP BY org_id, program_id, cohort, referred
COMMENT 'Who buys again, by the month of the first purchase, referred or not; purchases are sales and renewals that count; money in minor units, net'
