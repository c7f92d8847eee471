-- What calls of models cost, hour by hour.
--
-- run, run_id: the run
-- hour: its beginning in UTC, as 2026-01-31 07:00
-- operator, model: who called whom
-- calls: attempts, retries included
-- answers: calls that were answered
-- tokens_in, tokens_out, tokens_cached: as far as they are known
-- cost_usd: as far as it is known
-- unknown_usd: the most that attempts may have cost of which nobody knows
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
GROUP BY llm_call.run_id, run.name, hour_of(llm_call.started_at), llm_call.operator, llm_call.model
