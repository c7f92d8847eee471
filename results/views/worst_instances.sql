-- What each run's champion did on every instance, and where it stands: rank 1 is its worst of the split.
--
-- run, run_id: the run
-- program: the champion's hash
-- split, instance: the instance
-- rank: 1 for the lowest score on the split; an instance without a score is worse than any with one
-- status, value, score, feedback: the outcome
-- bound, gap: as in instance_scores
CREATE VIEW worst_instances AS
SELECT
    run.id AS run_id,
    run.name AS run,
    instance_scores.program,
    instance_scores.split,
    instance_scores.instance,
    row_number() OVER (
        PARTITION BY run.id, instance_scores.split
        ORDER BY
            CASE WHEN instance_scores.score IS NULL THEN 0 ELSE 1 END,
            instance_scores.score,
            instance_scores.position
    ) AS rank,
    instance_scores.status,
    instance_scores.value,
    instance_scores.score,
    instance_scores.bound,
    instance_scores.gap,
    instance_scores.feedback
FROM run
JOIN instance_scores ON instance_scores.program_id = run.champion_id
