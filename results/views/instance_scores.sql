-- What every program did on every instance, beside the instance's bound.
--
-- run, run_id: the run; that of a baseline is the reference run
-- program, program_id, baseline: the program
-- split, instance, position: the instance, and its place in its split
-- status, value, score, cpu_seconds, feedback: the outcome
-- bound: what no valid program can beat; NULL where it is not known
-- gap: how far the value is from the bound, as a share of the bound; NULL without one
CREATE VIEW instance_scores AS
SELECT
    program.run_id,
    run.name AS run,
    program.hash AS program,
    program.id AS program_id,
    program.baseline,
    evaluation.split,
    instance.name AS instance,
    instance.position,
    outcome.status,
    outcome.value,
    outcome.score,
    instance.bound,
    abs(outcome.value - instance.bound) / nullif(abs(instance.bound), 0.0) AS gap,
    outcome.cpu_seconds,
    outcome.feedback
FROM outcome
JOIN evaluation ON evaluation.id = outcome.evaluation_id
JOIN program ON program.id = evaluation.program_id
JOIN run ON run.id = program.run_id
JOIN instance ON instance.id = outcome.instance_id
