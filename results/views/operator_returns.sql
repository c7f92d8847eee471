-- What each operator, with each model, cost and earned in a run.
--
-- run, run_id: the run
-- operator, model: of the proposals; model is NULL where none was used
-- proposals: how many were committed
-- programs: how many came to a new program, which was evaluated
-- accepted: how many of those the strategy kept
-- records: how many raised the run's best score on train
-- gain: by how much, all together; the run's first score is nobody's
-- best_score: the best score on train
-- cost_usd: what all calls of models for these proposals cost, as far as it is known
-- unknown_usd: the most that calls may have cost of which nobody knows
-- cpu_seconds: CPU time of their programs on train
-- gain_per_usd: gain / cost_usd; NULL where nothing was spent
CREATE VIEW operator_returns AS
SELECT
    made.run_id,
    run.name AS run,
    made.operator,
    made.model,
    CAST(sum(made.proposals) AS BIGINT) AS proposals,
    CAST(sum(made.programs) AS BIGINT) AS programs,
    CAST(sum(made.accepted) AS BIGINT) AS accepted,
    CAST(sum(made.records) AS BIGINT) AS records,
    coalesce(sum(made.gain), 0.0) AS gain,
    max(made.best_score) AS best_score,
    coalesce(sum(made.cost_usd), 0.0) AS cost_usd,
    coalesce(sum(made.unknown_usd), 0.0) AS unknown_usd,
    coalesce(sum(made.cpu_seconds), 0.0) AS cpu_seconds,
    coalesce(sum(made.gain), 0.0) / nullif(sum(made.cost_usd), 0.0) AS gain_per_usd
FROM (
    SELECT
        judged.run_id,
        judged.operator,
        judged.model,
        count(*) AS proposals,
        count(judged.program_id) AS programs,
        count(CASE WHEN judged.status = 'accepted' THEN 1 END) AS accepted,
        count(CASE WHEN judged.score > judged.before THEN 1 END) AS records,
        sum(CASE WHEN judged.score > judged.before THEN judged.score - judged.before END) AS gain,
        max(judged.score) AS best_score,
        sum(judged.cpu_seconds) AS cpu_seconds,
        NULL AS cost_usd,
        NULL AS unknown_usd
    FROM (
        SELECT
            proposal.run_id,
            proposal.operator,
            proposal.model,
            proposal.status,
            proposal.program_id,
            evaluation.cpu_seconds,
            CASE WHEN evaluation.status = 'ok' THEN evaluation.score END AS score,
            max(CASE WHEN evaluation.status = 'ok' THEN evaluation.score END) OVER (
                PARTITION BY proposal.run_id ORDER BY proposal.number
                ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING
            ) AS before
        FROM proposal
        LEFT JOIN evaluation ON evaluation.program_id = proposal.program_id AND evaluation.split = 'train'
        WHERE proposal.status <> 'selected'
    ) AS judged
    GROUP BY judged.run_id, judged.operator, judged.model
    UNION ALL
    SELECT
        proposal.run_id,
        proposal.operator,
        proposal.model,
        0,
        0,
        0,
        0,
        NULL,
        NULL,
        NULL,
        sum(llm_call.cost_usd),
        sum(CASE WHEN llm_call.cost_usd IS NULL THEN llm_call.reserved_usd END)
    FROM llm_call
    JOIN proposal ON proposal.run_id = llm_call.run_id AND proposal.number = llm_call.proposal
    WHERE proposal.status <> 'selected'
    GROUP BY proposal.run_id, proposal.operator, proposal.model
) AS made
JOIN run ON run.id = made.run_id
GROUP BY made.run_id, run.name, made.operator, made.model
