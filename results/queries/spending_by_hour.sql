-- What calls of models cost, hour by hour.
-- :run: The run.
SELECT hour, operator, model, calls, answers, tokens_in, tokens_out, tokens_cached, cost_usd, unknown_usd
FROM spending_by_hour
WHERE run_id = :run
ORDER BY hour, operator, model
