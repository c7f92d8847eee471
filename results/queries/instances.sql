-- What a program, or a baseline, did on every instance.
-- :program: The start of its hash, or its published name.
SELECT run, program, baseline, split, instance, status, value, score, bound, gap, cpu_seconds, feedback
FROM instance_scores
WHERE program_id IN (
    SELECT id FROM program WHERE baseline = :program
    UNION ALL
    SELECT id FROM program WHERE hash >= :program AND hash < :program || 'g'
)
ORDER BY run, program, split, position
