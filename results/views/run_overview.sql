-- Each search run in one row: how it stands, what it found and what it cost.
--
-- run, run_id, problem, problem_version, seed: what it is
-- status, reason: running, finished or interrupted, and why it ended
-- proposals: how many were committed
-- evaluations: how many came to a new program
-- best_train: the best score on train that counts
-- champion, train, validation, test: the program that won, and its scores
-- calls, tokens, cost_usd, unknown_usd: of models; unknown_usd is the most of which nobody knows
-- seconds: wall time spent on it
-- created_at: when it was made
CREATE VIEW run_overview AS
SELECT
    run.id AS run_id,
    run.name AS run,
    run.problem,
    run.problem_version,
    run.seed,
    run.status,
    run.reason,
    (
        SELECT count(*) FROM proposal WHERE proposal.run_id = run.id AND proposal.status <> 'selected'
    ) AS proposals,
    (
        SELECT count(proposal.program_id) FROM proposal WHERE proposal.run_id = run.id
    ) AS evaluations,
    (
        SELECT max(evaluation.score)
        FROM program
        JOIN evaluation ON evaluation.program_id = program.id
        WHERE program.run_id = run.id AND evaluation.split = 'train' AND evaluation.status = 'ok'
    ) AS best_train,
    champion.hash AS champion,
    (
        SELECT score FROM evaluation
        WHERE program_id = run.champion_id AND split = 'train' AND evaluation.status = 'ok'
    ) AS train,
    (
        SELECT score FROM evaluation
        WHERE program_id = run.champion_id AND split = 'validation' AND evaluation.status = 'ok'
    ) AS validation,
    (
        SELECT score FROM evaluation
        WHERE program_id = run.champion_id AND split = 'test' AND evaluation.status = 'ok'
    ) AS test,
    coalesce(spent.calls, 0) AS calls,
    CAST(coalesce(spent.tokens, 0) AS BIGINT) AS tokens,
    coalesce(spent.cost_usd, 0.0) AS cost_usd,
    coalesce(spent.unknown_usd, 0.0) AS unknown_usd,
    run.seconds,
    run.created_at
FROM run
LEFT JOIN program AS champion ON champion.id = run.champion_id
LEFT JOIN (
    SELECT
        run_id,
        count(*) AS calls,
        sum(coalesce(tokens_in, 0) + coalesce(tokens_out, 0)) AS tokens,
        sum(cost_usd) AS cost_usd,
        sum(CASE WHEN cost_usd IS NULL THEN reserved_usd END) AS unknown_usd
    FROM llm_call
    GROUP BY run_id
) AS spent ON spent.run_id = run.id
WHERE run.kind = 'search'
