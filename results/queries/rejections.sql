-- Why proposals came to no new program, the commonest reasons first.
-- :run: The run.
-- :limit=30: How many reasons.
SELECT operator, model, status, count(*) AS proposals, min(reason) AS example, max(proposal) AS latest
FROM rejections
WHERE run_id = :run
GROUP BY operator, model, status, kind
ORDER BY count(*) DESC, operator, model, status, min(reason)
LIMIT :limit
