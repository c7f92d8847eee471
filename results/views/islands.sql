-- What each island of a run made; runs whose strategy has none have no rows.
--
-- run, run_id: the run
-- island: its number
-- proposals: how many were committed for it
-- programs: how many came to a new program
-- accepted: how many of those the strategy kept
-- best_score: the best score on train
-- last_accepted: the number of the proposal that was accepted last
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
GROUP BY proposal.run_id, run.name, proposal.context ->> 'island'
