-- Every reward after its last event. Value is in minor units of currency for
-- money, else in units; a held reward has value only on release.
CREATE OR REPLACE VIEW reward_standings
SQL SECURITY INVOKER
AS SELECT
    org_id,
    program_id,
    reward_id,
    day,
    any(rule_id) AS rule,
    any(beneficiary_id) AS beneficiary,
    any(beneficiary_role) AS role,
    any(currency) AS reward_currency,
    any(unit) AS reward_unit,
    sumIf(amount_minor + quantity, event_type IN ('earned', 'increased')) AS earned,
    argMax(remaining_minor + remaining_quantity, sequence) AS net,
    argMax(status, sequence) AS last_status,
    if(last_status = 'held', argMaxIf(amount_minor + quantity, sequence, event_type = 'held'), 0) AS held
FROM rewards
GROUP BY org_id, program_id, reward_id, day
COMMENT 'Rewards after their last event: earned is all that was ever earned, net what is left of it, held what is withheld';
