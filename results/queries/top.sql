-- The best programs of a run on train.
-- :run: The run.
-- :limit=10: How many.
SELECT program, proposal, operator, model, train, validation, test
FROM leaderboard
WHERE +run_id = :run
ORDER BY train DESC, program_id
LIMIT :limit
