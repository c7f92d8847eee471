-- Every evaluation without a score: which program failed, in what way, and who made it.
--
-- run, run_id: the run; that of a baseline is the reference run
-- program, program_id: its hash and its key
-- proposal, operator, model: what made it; NULL for a baseline
-- split: where it failed
-- status: in what way, such as invalid, crashed, timeout, out_of_memory or stopped
-- feedback: what the evaluator said of the first instance that has the same status
CREATE VIEW failures AS
SELECT
    program.run_id,
    run.name AS run,
    program.hash AS program,
    program.id AS program_id,
    proposal.number AS proposal,
    proposal.operator,
    proposal.model,
    evaluation.split,
    evaluation.status,
    (
        SELECT outcome.feedback
        FROM outcome
        JOIN instance ON instance.id = outcome.instance_id
        WHERE outcome.evaluation_id = evaluation.id AND outcome.status = evaluation.status
        ORDER BY instance.position
        LIMIT 1
    ) AS feedback
FROM evaluation
JOIN program ON program.id = evaluation.program_id
JOIN run ON run.id = program.run_id
LEFT JOIN proposal ON proposal.program_id = program.id
WHERE evaluation.status <> 'ok'
