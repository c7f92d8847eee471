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
    judged.run_id,
    run.name AS run,
    judged.operator,
    judged.model,
    count(*) AS proposals,
    count(judged.program_id) AS programs,
    count(CASE WHEN judged.status = 'accepted' THEN 1 END) AS accepted,
    count(CASE WHEN judged.score > judged.before THEN 1 END) AS records,
    coalesce(sum(CASE WHEN judged.score > judged.before THEN judged.score - judged.before END), 0.0) AS gain,
    max(judged.score) AS best_score,
    coalesce(sum(spent.cost_usd), 0.0) AS cost_usd,
    coalesce(sum(spent.unknown_usd), 0.0) AS unknown_usd,
    coalesce(sum(judged.cpu_seconds), 0.0) AS cpu_seconds,
    coalesce(sum(CASE WHEN judged.score > judged.before THEN judged.score - judged.before END), 0.0)
        / nullif(sum(spent.cost_usd), 0.0) AS gain_per_usd
FROM (
    SELECT
        proposal.run_id,
        proposal.number,
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
JOIN run ON run.id = judged.run_id
LEFT JOIN (
    SELECT
        run_id,
        proposal,
        sum(cost_usd) AS cost_usd,
        sum(CASE WHEN cost_usd IS NULL THEN reserved_usd END) AS unknown_usd
    FROM llm_call
    GROUP BY run_id, proposal
) AS spent ON spent.run_id = judged.run_id AND spent.proposal = judged.number
GROUP BY judged.run_id, run.name, judged.operator, judged.model
