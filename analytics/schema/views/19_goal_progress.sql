-- Goals as the configuration is now, and what attributed conversions that count now
-- come to, by the time of the conversion.
CREATE OR REPLACE VIEW goal_progress
(
    org_id     String               COMMENT 'Organisation',
    program_id String               COMMENT 'Program of the organisation',
    goal_id    String               COMMENT 'Goal of the program',
    metric     String               COMMENT 'What is counted: conversions, revenue (net) or points',
    target     Int64                COMMENT 'Target to reach: a count, or for revenue minor units of the currency of the program',
    starts_at  DateTime64(3, 'UTC') COMMENT 'The first instant that counts, UTC',
    ends_at    DateTime64(3, 'UTC') COMMENT 'The first instant that counts no more, UTC',
    value      Int64                COMMENT 'What is reached: attributed conversions that count now, their net revenue, or their points',
    share      Float64              COMMENT 'value / target',
    elapsed    Float64              COMMENT 'How much of the time from starts_at to ends_at has passed now, from 0 to 1',
    heading    Nullable(Float64)    COMMENT 'Where value ends at the pace so far: value / elapsed; null before starts_at'
)
SQL SECURITY INVOKER
AS SELECT
    org_id,
    program_id,
    goal_id,
    any(goal_metric) AS metric,
    any(goal_target) AS target,
    fromUnixTimestamp64Milli(any(first), 'UTC') AS starts_at,
    fromUnixTimestamp64Milli(any(until), 'UTC') AS ends_at,
    sumIf(multiIf(goal_metric = 'conversions', 1, goal_metric = 'revenue', net, points_of[concat(version, '/', kind)]), found AND at >= first AND at < until) AS value,
    value / target AS share,
    greatest(0., least(1., (toUnixTimestamp64Milli(now64(3)) - any(first)) / (any(until) - any(first)))) AS elapsed,
    if(elapsed = 0, NULL, value / elapsed) AS heading
FROM
(
    SELECT
        org_id, program_id, goal_id, metric AS goal_metric, target AS goal_target, points AS points_of,
        toUnixTimestamp64Milli(starts_at) AS first, toUnixTimestamp64Milli(ends_at) AS until
    FROM present_goals
) AS goal
LEFT JOIN
(
    SELECT org_id AS of_org, program_id AS of_program, toUInt8(1) AS found, toUnixTimestamp64Milli(time) AS at, net_minor AS net, kind, version
    FROM conversion_standings
    WHERE attributed AND counts
) AS counted ON of_org = org_id AND of_program = program_id
GROUP BY org_id, program_id, goal_id
COMMENT 'How far the goals of a program are, and where they are heading; revenue in minor units, net'
