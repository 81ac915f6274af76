-- Every reward after its last event. Value is in minor units of currency for
-- money, else in units; a held reward has value only on release.
CREATE OR REPLACE VIEW reward_standings
(
    org_id          String COMMENT 'Organisation',
    program_id      String COMMENT 'Program of the organisation',
    reward_id       String COMMENT 'Reward',
    day             Date32 COMMENT 'Day of the conversion that the reward is for, in the time zone of the program',
    rule            String COMMENT 'Rule that gave it',
    tier            String COMMENT 'Tier that was reached; empty where the rule has none',
    reward_period   String COMMENT 'Period that the rule counts over',
    beneficiary     String COMMENT 'Who gets it',
    role            String COMMENT 'referrer, referee or member',
    reward_currency String COMMENT 'Currency of a money reward, else empty',
    reward_unit     String COMMENT 'Unit of a quantity reward, else empty',
    earned          Int64  COMMENT 'All that was ever earned, in minor units or units',
    net             Int64  COMMENT 'What is left of it',
    last_status     String COMMENT 'Status after the last event',
    held            Int64  COMMENT 'What is withheld'
)
SQL SECURITY INVOKER
AS SELECT
    org_id,
    program_id,
    reward_id,
    day,
    any(rule_id) AS rule,
    any(tier_id) AS tier,
    any(period) AS reward_period,
    any(beneficiary_id) AS beneficiary,
    any(beneficiary_role) AS role,
    any(currency) AS reward_currency,
    any(unit) AS reward_unit,
    sumIf(amount_minor + quantity, event_type IN ('earned', 'increased')) AS earned,
    argMax(remaining_minor + remaining_quantity, sequence) AS net,
    argMax(status, sequence) AS last_status,
    argMax(withheld, sequence) AS held
FROM rewards
GROUP BY org_id, program_id, reward_id, day
COMMENT 'Rewards after their last event: earned is all that was ever earned, net what is left of it, held what is withheld';
