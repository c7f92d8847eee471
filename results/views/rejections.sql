-- Every proposal that came to no new program, and why.
--
-- run, run_id: the run
-- proposal: its number
-- operator, model: what was to make it
-- status: duplicate, rejected or no_proposal
-- reason: why, in words
-- kind: the reason without its digits, the same for all that differ in numbers only
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
WHERE proposal.status IN ('duplicate', 'rejected', 'no_proposal')
