-- One row for each proposal that raised its run's best score on train, with what had been spent by then.
--
-- run, run_id: the run
-- proposal: the proposal's number
-- program: its program's hash
-- operator, model: what made it
-- score: the new best score on train
-- before: the best score before it; NULL for the first
-- evaluations: how many proposals had been evaluated, this one included
-- cost_usd: what the calls of models of all proposals up to this one cost, as far as it is known
-- seconds: wall time that had been spent on the run
CREATE VIEW best_so_far AS
SELECT
    judged.run_id,
    run.name AS run,
    judged.number AS proposal,
    program.hash AS program,
    judged.operator,
    judged.model,
    judged.score,
    judged.before,
    judged.programs_before + 1 AS evaluations,
    coalesce(judged.cost_before, 0.0) + coalesce(judged.cost_usd, 0.0) AS cost_usd,
    judged.seconds
FROM (
    SELECT
        spent.*,
        max(spent.score) OVER earlier AS before,
        count(spent.program_id) OVER earlier AS programs_before,
        sum(spent.cost_usd) OVER earlier AS cost_before
    FROM (
        SELECT
            proposal.run_id,
            proposal.number,
            proposal.program_id,
            proposal.operator,
            proposal.model,
            proposal.seconds,
            evaluation.score,
            paid.cost_usd
        FROM proposal
        LEFT JOIN evaluation
            ON evaluation.program_id = proposal.program_id
            AND evaluation.split = 'train' AND evaluation.status = 'ok'
        LEFT JOIN (
            SELECT run_id, proposal, sum(cost_usd) AS cost_usd
            FROM llm_call
            GROUP BY run_id, proposal
        ) AS paid ON paid.run_id = proposal.run_id AND paid.proposal = proposal.number
        WHERE proposal.status <> 'selected'
    ) AS spent
    WINDOW earlier AS (
        PARTITION BY spent.run_id ORDER BY spent.number ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING
    )
) AS judged
JOIN program ON program.id = judged.program_id
JOIN run ON run.id = judged.run_id
WHERE judged.score IS NOT NULL AND (judged.before IS NULL OR judged.score > judged.before)
