-- What rewards have of every period of a budget, and what is left of it. A budget has
-- a row for its present period, also when nothing was drawn, and for every period that
-- rewards are of. What was drawn while the budget had another currency or other periods
-- stands in rows of these, without a limit.
CREATE OR REPLACE VIEW budget_usage
(
    org_id       String             COMMENT 'Organisation',
    budget_id    String             COMMENT 'Budget of the organisation',
    period       String             COMMENT 'Period of the budget by the time of the conversions, in UTC: lifetime, 2026, 2026-Q4, 2026-11 or 2026-W47',
    starts_on    Nullable(Date32)   COMMENT 'First day of the period, UTC; null for lifetime',
    ends_on      Nullable(Date32)   COMMENT 'First day after the period, UTC; null for lifetime',
    team         String             COMMENT 'Team that the budget belongs to; empty for one of the organisation, or one that is no longer configured',
    currency     String             COMMENT 'Currency of the budget, ISO 4217',
    limit_minor  Int64              COMMENT 'What rewards may have of the period as the configuration is now, in minor units of currency; 0 if it has no such budget',
    used_minor   Int64              COMMENT 'What rewards have of the period, in minor units of currency',
    left_minor   Int64              COMMENT 'limit_minor - used_minor; below 0 where the limit was lowered',
    rewards      UInt64             COMMENT 'Rewards that have something of the period',
    held_rewards UInt64             COMMENT 'Rewards of the period of which something is withheld, by their limit or by the budget',
    held         Map(String, Int64) COMMENT 'What is withheld of them, in minor units, by the currency of the reward'
)
SQL SECURITY INVOKER
AS SELECT
    org_id,
    budget_id,
    period,
    multiIf(
        period_of = 'year', makeDate32(toYear(date), 1, 1),
        period_of = 'quarter', makeDate32(toYear(date), toQuarter(date) * 3 - 2, 1),
        period_of = 'month', makeDate32(toYear(date), toMonth(date), 1),
        period_of = 'week', date - (toDayOfWeek(date) - 1),
        NULL) AS starts_on,
    multiIf(
        period_of = 'year', makeDate32(toYear(date) + 1, 1, 1),
        period_of = 'quarter', makeDate32(toYear(date) + toUInt8(toQuarter(date) = 4), toQuarter(date) % 4 * 3 + 1, 1),
        period_of = 'month', makeDate32(toYear(date) + toUInt8(toMonth(date) = 12), toMonth(date) % 12 + 1, 1),
        period_of = 'week', date - (toDayOfWeek(date) - 1) + 7,
        NULL) AS ends_on,
    team,
    currency,
    limit_minor,
    used_minor,
    limit_minor - used_minor AS left_minor,
    rewards,
    held_rewards,
    held
FROM
(
    SELECT
        org_id, budget_id, period, currency, any(toDate32(at)) AS date,
        multiIf(period = 'lifetime', 'lifetime', period LIKE '%-W%', 'week', period LIKE '%-Q%', 'quarter', period LIKE '%-%', 'month', 'year') AS period_of,
        max(team_of) AS team, any(if(currency = currency_now AND period_of = kind_now, limit_now, 0)) AS limit_minor,
        sum(drawn) AS used_minor, countIf(drawn > 0) AS rewards, countIf(waits > 0) AS held_rewards, sumMapIf(map(money, waits), waits > 0) AS held
    FROM
    (
        SELECT
            org_id, budget_id, at, drawn, waits, money, team AS team_of, currency_now, kind_now, limit_minor AS limit_now,
            if(drawn_in = '', currency_now, drawn_in) AS currency,
            multiIf(
                drawn_of != '', drawn_of,
                kind_now = 'year', toString(toYear(at)),
                kind_now = 'quarter', concat(toString(toYear(at)), '-Q', toString(toQuarter(at))),
                kind_now = 'month', formatDateTime(at, '%Y-%m'),
                kind_now = 'week', formatDateTime(at, '%G-W%V'),
                'lifetime') AS period
        FROM
        (
            SELECT
                org_id, any(rewards.budget_id) AS budget_id, any(conversion_time) AS at, toString(any(currency)) AS money,
                argMax(drawn_minor, sequence) AS drawn, toString(argMax(drawn_currency, sequence)) AS drawn_in,
                toString(argMax(drawn_period, sequence)) AS drawn_of, argMax(withheld, sequence) AS waits
            FROM rewards
            WHERE rewards.budget_id != '' AND currency != ''
            GROUP BY org_id, program_id, reward_id
            UNION ALL
            SELECT org_id, budget_id, now64(3, 'UTC'), '', toInt64(0), '', '', toInt64(0)
            FROM present_budgets
        ) AS drew
        LEFT JOIN
        (
            SELECT org_id AS of_org, budget_id AS of_budget, team, period_kind AS kind_now, limit_minor, currency AS currency_now
            FROM present_budgets
        ) AS budget ON of_org = org_id AND of_budget = budget_id
    )
    GROUP BY org_id, budget_id, period, currency
)
COMMENT 'What rewards have of every period of a budget, and what is left; money in minor units of the currency of the budget'
