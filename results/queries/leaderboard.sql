-- The best programs of each problem, of all runs and baselines: by validation where it is known, else by train.
-- :problem=: Only this problem; all, if empty.
-- :limit=10: How many of each problem.
WITH ranked AS (
    SELECT
        program.id,
        row_number() OVER (
            PARTITION BY coalesce(run.reference_id, run.id)
            ORDER BY
                CASE WHEN validation.score IS NULL THEN 1 ELSE 0 END,
                validation.score DESC,
                train.score DESC,
                program.id
        ) AS rank
    FROM run
    JOIN program ON program.run_id = run.id
    JOIN evaluation AS train
        ON train.program_id = program.id AND train.split = 'train' AND train.status = 'ok'
    LEFT JOIN evaluation AS validation
        ON validation.program_id = program.id
        AND validation.split = 'validation' AND validation.status = 'ok'
    WHERE :problem = '' OR run.problem = :problem
)
SELECT
    leaderboard.problem, ranked.rank, leaderboard.run, leaderboard.program, leaderboard.baseline,
    leaderboard.proposal, leaderboard.operator, leaderboard.model, leaderboard.train, leaderboard.validation,
    leaderboard.test
FROM ranked
JOIN leaderboard ON leaderboard.program_id = ranked.id
WHERE ranked.rank <= :limit
ORDER BY leaderboard.problem, leaderboard.problem_version, ranked.rank
