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
    raised.run_id,
    run.name AS run,
    raised.number AS proposal,
    program.hash AS program,
    proposal.operator,
    proposal.model,
    raised.score,
    raised.before,
    raised.programs_before + 1 AS evaluations,
    sum(raised.cost_usd) OVER (PARTITION BY raised.run_id ORDER BY raised.number) AS cost_usd,
    proposal.seconds
FROM (
    SELECT
        records.*,
        (
            SELECT coalesce(sum(llm_call.cost_usd), 0.0)
            FROM llm_call
            WHERE llm_call.run_id = records.run_id
                AND llm_call.proposal > records.previous AND llm_call.proposal <= records.number
        ) AS cost_usd
    FROM (
        SELECT
            judged.*,
            lag(judged.number, 1, CAST(-1 AS BIGINT)) OVER (
                PARTITION BY judged.run_id ORDER BY judged.number
            ) AS previous
        FROM (
            SELECT
                proposal.run_id,
                proposal.number,
                evaluation.score,
                max(evaluation.score) OVER earlier AS before,
                count(proposal.program_id) OVER earlier AS programs_before
            FROM proposal
            LEFT JOIN evaluation
                ON evaluation.program_id = proposal.program_id
                AND evaluation.split = 'train' AND evaluation.status = 'ok'
            WHERE proposal.status <> 'selected'
            WINDOW earlier AS (
                PARTITION BY proposal.run_id ORDER BY proposal.number
                ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING
            )
        ) AS judged
        WHERE judged.score IS NOT NULL AND (judged.before IS NULL OR judged.score > judged.before)
    ) AS records
) AS raised
JOIN proposal ON proposal.run_id = raised.run_id AND proposal.number = raised.number
JOIN program ON program.id = proposal.program_id
JOIN run ON run.id = raised.run_id
