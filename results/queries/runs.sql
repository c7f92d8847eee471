-- The runs: how each stands, what it found and what it cost.
SELECT
    run, problem, seed, status, reason, proposals, evaluations, best_train, validation, test, cost_usd, seconds
FROM run_overview
ORDER BY run_id
