-- Everything is in minor units of currency, or in units. What was fulfilled of a
-- reward that is worth less now is made up by what is left of others: only the rest
-- is overpaid.
CREATE OR REPLACE VIEW reward_balances
(
    org_id         String COMMENT 'Organisation',
    program_id     String COMMENT 'Program of the organisation',
    beneficiary_id String COMMENT 'Who gets the rewards',
    currency       String COMMENT 'Currency of money rewards, ISO 4217; empty for quantities',
    unit           String COMMENT 'Unit of quantity rewards; empty for money',
    earned         Int64  COMMENT 'All that was ever earned',
    pending        Int64  COMMENT 'Net value that waits for the end of its hold',
    approved       Int64  COMMENT 'Net value that is approved',
    reversed       Int64  COMMENT 'What was taken back: earned - net',
    fulfilled      Int64  COMMENT 'What was fulfilled',
    net            Int64  COMMENT 'Net value: earned - reversed, not less by what is fulfilled',
    held           Int64  COMMENT 'What is withheld by a limit or budget; not part of net',
    overpaid       Int64  COMMENT 'What was fulfilled beyond net: fulfilled - net where that is above 0'
)
SQL SECURITY INVOKER
AS SELECT
    org_id,
    program_id,
    beneficiary_id,
    currency,
    unit,
    sum(r_earned) AS earned,
    sumIf(r_net, r_status = 'pending') AS pending,
    sumIf(r_net, r_status = 'approved') AS approved,
    sum(r_earned - r_net) AS reversed,
    sum(r_fulfilled) AS fulfilled,
    sum(r_net) AS net,
    sum(r_held) AS held,
    greatest(fulfilled - net, 0) AS overpaid
FROM
(
    SELECT
        org_id, program_id, reward_id,
        max(beneficiary) AS beneficiary_id, max(reward_currency) AS currency, max(reward_unit) AS unit,
        sum(s_earned) AS r_earned, sum(s_net) AS r_net, sum(s_held) AS r_held, max(s_status) AS r_status, sum(s_fulfilled) AS r_fulfilled
    FROM
    (
        SELECT
            org_id, program_id, reward_id, beneficiary, reward_currency, reward_unit,
            earned AS s_earned, net AS s_net, held AS s_held, last_status AS s_status, toInt64(0) AS s_fulfilled
        FROM reward_standings
        UNION ALL
        SELECT
            org_id, program_id, reward_id, beneficiary_id, currency, unit,
            toInt64(0), toInt64(0), toInt64(0), '', amount_minor + quantity
        FROM fulfillments
        WHERE event_type = 'fulfilled'
    )
    GROUP BY org_id, program_id, reward_id
)
WHERE beneficiary_id != ''
GROUP BY org_id, program_id, beneficiary_id, currency, unit
COMMENT 'Every member''s rewards by currency or unit: net = earned - reversed, held stands beside it, overpaid is what was fulfilled beyond net';
