"""Which functions people's own SQL may call on a PostgreSQL server.

A read-only transaction refuses to write to tables, but not to call a function that reads the server's files,
ends other sessions, takes locks, or changes what the session is allowed. So only functions that compute are
let through, by name; everything else that looks like a call is refused before the server sees it.
"""

from collections.abc import Sequence

from evolve.archive.lexing import Token, tokens

_COMPUTE = frozenset(
    """
    abs acos age array_agg array_length array_position array_to_string ascii asin atan atan2 avg bit_and
    bit_or bool_and bool_or btrim cardinality cast cbrt ceil ceiling char_length character_length chr
    clock_timestamp coalesce concat concat_ws corr cos count covar_pop covar_samp cume_dist
    current_database current_schema date_bin date_part date_trunc decode degrees dense_rank div encode
    every exp extract first_value floor format generate_series generate_subscripts greatest initcap
    isfinite json_agg json_array_elements json_array_elements_text json_array_length json_build_array
    json_build_object json_each json_each_text json_extract_path json_extract_path_text json_object_agg
    json_object_keys json_strip_nulls json_typeof jsonb_agg jsonb_array_elements jsonb_array_elements_text
    jsonb_array_length jsonb_build_array jsonb_build_object jsonb_each jsonb_each_text jsonb_extract_path
    jsonb_extract_path_text jsonb_object_agg jsonb_object_keys jsonb_pretty jsonb_strip_nulls jsonb_typeof
    justify_hours lag last_value lead least left length ln log log10 lower lpad ltrim make_date
    make_interval make_timestamp make_timestamptz max md5 min mod mode now nth_value ntile nullif
    octet_length overlay percent_rank percentile_cont percentile_disc pi position power radians rank
    regexp_count regexp_instr regexp_like regexp_match regexp_matches regexp_replace regexp_split_to_array
    regexp_split_to_table regexp_substr regr_intercept regr_r2 regr_slope repeat replace reverse right
    round row row_number row_to_json rpad rtrim scale sha256 sha512 sign sin split_part sqrt starts_with
    statement_timestamp stddev stddev_pop stddev_samp string_agg string_to_array string_to_table strpos
    substr substring sum tan timezone to_char to_date to_json to_jsonb to_number to_timestamp translate
    trim trunc unnest upper var_pop var_samp variance version width_bucket pg_column_size pg_database_size
    pg_relation_size pg_size_pretty pg_table_size pg_total_relation_size
    """.split()  # noqa: SIM905 - one name a line would be pages
)
_NO_CALLS = frozenset(
    """
    all and any array as between bigint bit by case char character cube decimal distinct double else end
    except exists filter float from group grouping having in interval intersect into is join lateral like
    limit materialized not null numeric offset on or order over partition precision recursive rollup select
    sets similar some symmetric table then time timestamp timestamptz to union using values varchar varying
    when where window with within zone
    """.split()  # noqa: SIM905 - one name a line would be pages
)
"""Words of the language, and types, that may stand before a parenthesis."""


def refused_call(sql: str) -> str | None:
    """The first name in `sql` that is called and is not known to compute only; None where there is none."""
    found = [token for token in tokens(sql) if token.kind != "space"]
    for index, token in enumerate(found[:-1]):
        if found[index + 1].text != "(" or token.kind not in ("name", "quoted"):
            continue
        if not _harmless(found, index):
            return token.text
    return None


def _harmless(found: Sequence[Token], index: int) -> bool:
    token = found[index]
    before = found[index - 1] if index else None
    if before is not None and before.text == ".":
        schema = found[index - 2].name if index > 1 else ""
        qualified = index > 2 and found[index - 3].text == "."
        return schema == "pg_catalog" and not qualified and token.name in _COMPUTE
    if token.name in _COMPUTE or (token.kind == "name" and token.name in _NO_CALLS):
        return True
    # What follows is a list of columns, not of arguments: `WITH x (a, b) AS (...)`, `... AS x (a, b)`.
    return before is not None and before.kind == "name" and before.name in ("with", "recursive", "as")
