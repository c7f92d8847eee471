-- What each island made; none where the strategy has no islands.
-- :run: The run.
SELECT island, proposals, programs, accepted, best_score, last_accepted
FROM islands
WHERE run_id = :run
ORDER BY island
