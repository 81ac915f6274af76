-- Two workers that take up one revision at once write it twice, at two times: the
-- newest counts, whole.
CREATE OR REPLACE VIEW present_goals
(
    org_id     String               COMMENT 'Organisation',
    program_id String               COMMENT 'Program of the organisation',
    goal_id    String               COMMENT 'Goal of the program',
    metric     String               COMMENT 'What is counted: conversions, revenue or points',
    target     Int64                COMMENT 'Target to reach: a count, or for revenue minor units of the currency of the program',
    starts_at  DateTime64(3, 'UTC') COMMENT 'The first instant that counts, UTC',
    ends_at    DateTime64(3, 'UTC') COMMENT 'The first instant that counts no more, UTC',
    points     Map(String, Int64)   COMMENT 'Points of a conversion, by valid_from of the program version, a slash, and the kind'
)
SQL SECURITY INVOKER
AS SELECT org_id, program_id, goal.1 AS goal_id, goal.2 AS metric, goal.3 AS target, goal.4 AS starts_at, goal.5 AS ends_at, goal.6 AS points
FROM
(
    SELECT org_id, program_id, argMax(said, taken_at) AS goals
    FROM
    (
        SELECT org_id, program_id, taken_at, groupArray((goal_id, metric, target, starts_at, ends_at, points)) AS said
        FROM goals
        GROUP BY org_id, program_id, taken_at
    )
    GROUP BY org_id, program_id
)
ARRAY JOIN goals AS goal
WHERE goal_id != ''
COMMENT 'Goals of programs, as the configuration is now'
