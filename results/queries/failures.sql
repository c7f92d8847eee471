-- In what ways programs failed, by operator and model.
-- :run: The run.
SELECT
    split, status, operator, model, count(*) AS programs, min(proposal) AS first, max(proposal) AS latest,
    min(feedback) AS example
FROM failures
WHERE run_id = :run
GROUP BY split, status, operator, model
ORDER BY count(*) DESC, split, status, operator, model
