-- Which versions of the software a run was made with: those that started it, then others that went on.
-- :run: The run.
SELECT proposal, started_at, evolve, python, numpy, platform
FROM software
WHERE run_id = :run
ORDER BY number
