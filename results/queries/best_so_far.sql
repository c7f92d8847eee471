-- Each proposal that raised the best score, against evaluations, dollars and seconds.
-- :run: The run.
SELECT proposal, evaluations, cost_usd, seconds, score, before, operator, model, program
FROM best_so_far
WHERE run_id = :run
ORDER BY proposal
