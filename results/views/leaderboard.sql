-- Every program with a score on train that counts, baselines included, with its scores on each split.
--
-- problem, problem_version: what it is a program for
-- run, run_id: the run; that of a baseline is the reference run
-- program, program_id: its hash and its key
-- baseline: the published name, if it is one
-- proposal, operator, model: what made it; NULL for a baseline
-- train, validation, test: scores; NULL where there is none that counts
CREATE VIEW leaderboard AS
SELECT
    run.problem,
    run.problem_version,
    run.id AS run_id,
    run.name AS run,
    program.hash AS program,
    program.id AS program_id,
    program.baseline,
    proposal.number AS proposal,
    proposal.operator,
    proposal.model,
    train.score AS train,
    validation.score AS validation,
    test.score AS test
FROM evaluation AS train
JOIN program ON program.id = train.program_id
JOIN run ON run.id = program.run_id
LEFT JOIN proposal ON proposal.program_id = program.id
LEFT JOIN evaluation AS validation
    ON validation.program_id = program.id AND validation.split = 'validation' AND validation.status = 'ok'
LEFT JOIN evaluation AS test
    ON test.program_id = program.id AND test.split = 'test' AND test.status = 'ok'
WHERE train.split = 'train' AND train.status = 'ok'
