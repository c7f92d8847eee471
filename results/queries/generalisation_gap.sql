-- How much of the score on train is left on validation and test, the best on validation first.
-- :run: The run.
-- :limit=20: How many programs.
SELECT program, proposal, is_champion, train, validation, test, validation_gap, test_gap
FROM generalisation_gap
WHERE run_id = :run
ORDER BY validation DESC, proposal
LIMIT :limit
