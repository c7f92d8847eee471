-- The views as revision 0002 makes them, in the order in which they need each other.

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
WHERE judged.score IS NOT NULL AND (judged.before IS NULL OR judged.score > judged.before);

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
WHERE evaluation.status <> 'ok';

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
WHERE validation.split = 'validation' AND validation.status = 'ok';

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
JOIN instance ON instance.id = outcome.instance_id;

CREATE VIEW islands AS
SELECT
    proposal.run_id,
    run.name AS run,
    CAST(proposal.context ->> 'island' AS INTEGER) AS island,
    count(*) AS proposals,
    count(proposal.program_id) AS programs,
    count(CASE WHEN proposal.status = 'accepted' THEN 1 END) AS accepted,
    max(evaluation.score) AS best_score,
    max(CASE WHEN proposal.status = 'accepted' THEN proposal.number END) AS last_accepted
FROM proposal
JOIN run ON run.id = proposal.run_id
LEFT JOIN evaluation
    ON evaluation.program_id = proposal.program_id
    AND evaluation.split = 'train' AND evaluation.status = 'ok'
WHERE proposal.status <> 'selected' AND proposal.context ->> 'island' IS NOT NULL
GROUP BY proposal.run_id, run.name, proposal.context ->> 'island';

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
WHERE train.split = 'train' AND train.status = 'ok';

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
    ON before.program_id = parent.id AND before.split = 'train' AND before.status = 'ok';

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
GROUP BY judged.run_id, run.name, judged.operator, judged.model;

CREATE VIEW rejections AS
SELECT
    proposal.run_id,
    run.name AS run,
    proposal.number AS proposal,
    proposal.operator,
    proposal.model,
    proposal.status,
    proposal.reason,
    replace(replace(replace(replace(replace(replace(replace(replace(replace(replace(
        proposal.reason, '0', ''), '1', ''), '2', ''), '3', ''), '4', ''),
        '5', ''), '6', ''), '7', ''), '8', ''), '9', '') AS kind
FROM proposal
JOIN run ON run.id = proposal.run_id
WHERE proposal.status IN ('duplicate', 'rejected', 'no_proposal');

CREATE VIEW run_overview AS
SELECT
    run.id AS run_id,
    run.name AS run,
    run.problem,
    run.problem_version,
    run.seed,
    run.status,
    run.reason,
    (
        SELECT count(*) FROM proposal WHERE proposal.run_id = run.id AND proposal.status <> 'selected'
    ) AS proposals,
    (
        SELECT count(proposal.program_id) FROM proposal WHERE proposal.run_id = run.id
    ) AS evaluations,
    (
        SELECT max(evaluation.score)
        FROM program
        JOIN evaluation ON evaluation.program_id = program.id
        WHERE program.run_id = run.id AND evaluation.split = 'train' AND evaluation.status = 'ok'
    ) AS best_train,
    champion.hash AS champion,
    (
        SELECT score FROM evaluation
        WHERE program_id = run.champion_id AND split = 'train' AND evaluation.status = 'ok'
    ) AS train,
    (
        SELECT score FROM evaluation
        WHERE program_id = run.champion_id AND split = 'validation' AND evaluation.status = 'ok'
    ) AS validation,
    (
        SELECT score FROM evaluation
        WHERE program_id = run.champion_id AND split = 'test' AND evaluation.status = 'ok'
    ) AS test,
    coalesce(spent.calls, 0) AS calls,
    CAST(coalesce(spent.tokens, 0) AS BIGINT) AS tokens,
    coalesce(spent.cost_usd, 0.0) AS cost_usd,
    coalesce(spent.unknown_usd, 0.0) AS unknown_usd,
    run.seconds,
    run.created_at
FROM run
LEFT JOIN program AS champion ON champion.id = run.champion_id
LEFT JOIN (
    SELECT
        run_id,
        count(*) AS calls,
        sum(coalesce(tokens_in, 0) + coalesce(tokens_out, 0)) AS tokens,
        sum(cost_usd) AS cost_usd,
        sum(CASE WHEN cost_usd IS NULL THEN reserved_usd END) AS unknown_usd
    FROM llm_call
    GROUP BY run_id
) AS spent ON spent.run_id = run.id
WHERE run.kind = 'search';

CREATE VIEW spending_by_hour AS
SELECT
    llm_call.run_id,
    run.name AS run,
    hour_of(llm_call.started_at) AS hour,
    llm_call.operator,
    llm_call.model,
    count(*) AS calls,
    count(CASE WHEN llm_call.status IN ('ok', 'empty', 'cut_off', 'refused') THEN 1 END) AS answers,
    CAST(coalesce(sum(llm_call.tokens_in), 0) AS BIGINT) AS tokens_in,
    CAST(coalesce(sum(llm_call.tokens_out), 0) AS BIGINT) AS tokens_out,
    CAST(coalesce(sum(llm_call.tokens_cached), 0) AS BIGINT) AS tokens_cached,
    coalesce(sum(llm_call.cost_usd), 0.0) AS cost_usd,
    coalesce(sum(CASE WHEN llm_call.cost_usd IS NULL THEN llm_call.reserved_usd END), 0.0) AS unknown_usd
FROM llm_call
JOIN run ON run.id = llm_call.run_id
GROUP BY llm_call.run_id, run.name, hour_of(llm_call.started_at), llm_call.operator, llm_call.model;

CREATE VIEW worst_instances AS
SELECT
    run.id AS run_id,
    run.name AS run,
    instance_scores.program,
    instance_scores.split,
    instance_scores.instance,
    row_number() OVER (
        PARTITION BY run.id, instance_scores.split
        ORDER BY
            CASE WHEN instance_scores.score IS NULL THEN 0 ELSE 1 END,
            instance_scores.score,
            instance_scores.position
    ) AS rank,
    instance_scores.status,
    instance_scores.value,
    instance_scores.score,
    instance_scores.bound,
    instance_scores.gap,
    instance_scores.feedback
FROM run
JOIN instance_scores ON instance_scores.program_id = run.champion_id;
