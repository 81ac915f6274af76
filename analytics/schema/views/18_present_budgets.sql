-- As present_goals, of orgs.
CREATE OR REPLACE VIEW present_budgets
(
    org_id      String COMMENT 'Organisation',
    budget_id   String COMMENT 'Budget of the organisation',
    team        String COMMENT 'Team that the budget belongs to; empty for one of the organisation',
    period_kind String COMMENT 'lifetime, year, quarter, month or week, in UTC',
    limit_minor Int64  COMMENT 'What rewards may have of it in a period, in minor units of currency',
    currency    String COMMENT 'Currency of the budget, ISO 4217'
)
SQL SECURITY INVOKER
AS SELECT org_id, budget.1 AS budget_id, budget.2 AS team, budget.3 AS period_kind, budget.4 AS limit_minor, budget.5 AS currency
FROM
(
    SELECT org_id, argMax(said, taken_at) AS budgets
    FROM
    (
        SELECT org_id, taken_at, groupArray((budget_id, team, period_kind, limit_minor, currency)) AS said
        FROM budgets
        GROUP BY org_id, taken_at
    )
    GROUP BY org_id
)
ARRAY JOIN budgets AS budget
WHERE budget_id != ''
COMMENT 'Budgets of organisations, as the configuration is now'
