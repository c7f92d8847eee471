-- What each operator and model made, cost and earned per dollar.
-- :run: The run.
SELECT
    operator, model, proposals, programs, accepted, records, gain, best_score, cost_usd, unknown_usd, gain_per_usd,
    cpu_seconds
FROM operator_returns
WHERE run_id = :run
ORDER BY gain DESC, operator, model
