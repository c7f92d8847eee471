-- The proposals as they were committed.
-- :run: The run.
-- :after=-1: Only those with a higher number.
-- :limit=100: How many, the first ones first.
SELECT
    proposal.number AS proposal, proposal.status, proposal.operator, proposal.model, program.hash AS program,
    evaluation.score, proposal.improvement, proposal.reason, proposal.idea, proposal.seconds
FROM proposal
LEFT JOIN program ON program.id = proposal.program_id
LEFT JOIN evaluation
    ON evaluation.program_id = proposal.program_id
    AND evaluation.split = 'train' AND evaluation.status = 'ok'
WHERE proposal.run_id = :run AND proposal.number > :after AND proposal.status <> 'selected'
ORDER BY proposal.number
LIMIT :limit
