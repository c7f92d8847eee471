-- Every program that a proposal made, with the program it descends from: one step of a lineage.
--
-- run, run_id: the run
-- proposal, program: the proposal's number and its program's hash
-- operator, model: what made it
-- idea: what was changed and why, in the operator's words
-- status: what became of the proposal
-- score: on train; NULL where there is none that counts
-- parent, parent_proposal, parent_score: the program it descends from; NULL for the seed program
-- gain: score - parent_score
CREATE VIEW lineage AS
SELECT
    proposal.run_id,
    run.name AS run,
    proposal.number AS proposal,
    program.hash AS program,
    proposal.operator,
    proposal.model,
    proposal.idea,
    proposal.status,
    evaluation.score,
    parent.hash AS parent,
    maker.number AS parent_proposal,
    before.score AS parent_score,
    evaluation.score - before.score AS gain
FROM proposal
JOIN run ON run.id = proposal.run_id
JOIN program ON program.id = proposal.program_id
LEFT JOIN evaluation
    ON evaluation.program_id = program.id AND evaluation.split = 'train' AND evaluation.status = 'ok'
LEFT JOIN program AS parent
    ON parent.run_id = proposal.run_id AND parent.hash = proposal.parents ->> 0
LEFT JOIN proposal AS maker ON maker.program_id = parent.id
LEFT JOIN evaluation AS before
    ON before.program_id = parent.id AND before.split = 'train' AND before.status = 'ok'
