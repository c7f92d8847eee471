-- Every program that was evaluated beyond train, and how much of its score was left there.
--
-- problem, run, run_id: where it belongs; the run of a baseline is the reference run
-- program, baseline, proposal: the program
-- is_champion: 1 for the program that won its run, else 0
-- train, validation, test: scores; NULL where there is none that counts
-- validation_gap: train - validation
-- test_gap: train - test
CREATE VIEW generalisation_gap AS
SELECT
    run.problem,
    run.id AS run_id,
    run.name AS run,
    program.hash AS program,
    program.baseline,
    proposal.number AS proposal,
    CASE WHEN run.champion_id = program.id THEN 1 ELSE 0 END AS is_champion,
    train.score AS train,
    validation.score AS validation,
    test.score AS test,
    train.score - validation.score AS validation_gap,
    train.score - test.score AS test_gap
FROM evaluation AS validation
JOIN program ON program.id = validation.program_id
JOIN run ON run.id = program.run_id
LEFT JOIN proposal ON proposal.program_id = program.id
LEFT JOIN evaluation AS train
    ON train.program_id = program.id AND train.split = 'train' AND train.status = 'ok'
LEFT JOIN evaluation AS test
    ON test.program_id = program.id AND test.split = 'test' AND test.status = 'ok'
WHERE validation.split = 'validation' AND validation.status = 'ok'
