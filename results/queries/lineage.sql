-- How a program came about, from the seed program on, and what each step changed and gained.
-- :run: The run.
-- :program=: The start of the program's hash; the champion, or else the best on train, if empty.
WITH RECURSIVE chosen AS (
    SELECT coalesce(
        (
            SELECT min(program.id)
            FROM program
            WHERE program.run_id = :run AND :program <> ''
                AND program.hash >= :program AND program.hash < :program || 'g'
        ),
        (SELECT run.champion_id FROM run WHERE run.id = :run AND :program = ''),
        (
            SELECT leaderboard.program_id
            FROM leaderboard
            WHERE leaderboard.run_id = :run AND :program = ''
            ORDER BY leaderboard.train DESC, leaderboard.program_id
            LIMIT 1
        )
    ) AS id
), chain AS (
    SELECT
        0 AS generation,
        (
            SELECT proposal.number
            FROM proposal
            WHERE proposal.program_id = (SELECT chosen.id FROM chosen)
        ) AS number
    UNION ALL
    SELECT
        chain.generation + 1,
        (
            SELECT maker.number
            FROM proposal
            JOIN program AS parent
                ON parent.run_id = proposal.run_id AND parent.hash = proposal.parents ->> 0
            JOIN proposal AS maker ON maker.program_id = parent.id
            WHERE proposal.run_id = :run AND proposal.number = chain.number
                AND maker.number < proposal.number
        )
    FROM chain
    WHERE chain.number IS NOT NULL
)
SELECT
    lineage.proposal, lineage.program, lineage.operator, lineage.model, lineage.score, lineage.gain, lineage.idea
FROM chain
CROSS JOIN lineage
WHERE lineage.run_id = :run AND lineage.proposal = chain.number
ORDER BY lineage.proposal
