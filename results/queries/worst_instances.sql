-- The instances on which the champion does worst.
-- :run: The run.
-- :split=train: Of which split.
-- :limit=10: How many.
SELECT rank, instance, status, value, score, bound, gap, feedback
FROM worst_instances
WHERE run_id = :run AND split = :split
ORDER BY rank
LIMIT :limit
