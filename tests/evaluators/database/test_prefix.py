from itertools import permutations, product
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from evaluators.database.prefix_bound import least_computed
from evaluators.database.prefix_cache import common_prefix, count_prefixes
from evaluators.database.prefix_generator import EntityModel, TableModel, generate_table
from evaluators.database.prefix_order import checked_requests
from evaluators.database.prefix_published import leaderboard_quality, leaderboard_score, skydiscover_score
from evaluators.database.prefix_table import PUBLISHED_MERGES, RequestTable, read_table
from evolve.problem import InstanceFileError, InvalidDecision, Outcome

Trie = dict[str, "Trie"]
TEXTS = st.text("abé", max_size=7)


def hits_by_trie(requests: list[str]) -> int:
    """The published definition, character by character."""
    trie: Trie = {}
    hits = 0
    for request in requests:
        node, known = trie, True
        for character in request:
            known = known and character in node
            hits += known
            node = node.setdefault(character, {})
    return hits


@given(st.lists(TEXTS, min_size=1, max_size=8).filter(any))
def test_hits_are_those_of_the_trie(requests: list[str]) -> None:
    counts = count_prefixes(requests)
    assert counts.hits == hits_by_trie(requests)
    assert counts.hits == count_prefixes(requests[::-1]).hits
    assert counts.adjacent_hits <= counts.hits < counts.characters
    assert counts.computed_share == pytest.approx(1.0 - counts.hit_rate)
    assert counts.computed_share > 0.0


@given(TEXTS, TEXTS)
def test_common_prefix(a: str, b: str) -> None:
    length = common_prefix(a, b)
    assert a[:length] == b[:length]
    assert length == min(len(a), len(b)) or a[length] != b[length]


@st.composite
def small_tables(draw: st.DrawFn) -> RequestTable:
    width, height = draw(st.integers(1, 3)), draw(st.integers(1, 3))
    cells = st.text("ab", max_size=4)
    rows = [tuple(draw(cells) for _ in range(width)) for _ in range(height)]
    return RequestTable(tuple(f"c{column}" for column in range(width)), (*rows, ("a" * width,) * width))


@settings(max_examples=60)
@given(small_tables())
def test_no_order_of_cells_computes_less_than_the_bound(table: RequestTable) -> None:
    """Every order of the cells of every row is tried."""
    orders = list(permutations(range(len(table.columns))))
    requests = [["".join(row[column] for column in order) for order in orders] for row in table.rows]
    least = min(
        counts.characters - counts.hits for counts in (count_prefixes(one) for one in product(*requests))
    )
    assert 0 < least_computed(table) <= least


def test_the_bound_counts_text_that_does_not_repeat() -> None:
    table = RequestTable(("id", "text"), (("1", "abcdefghij"), ("2", "klmnopqrst"), ("1", "abcdefghij")))
    # Twenty different letters and two digits, of which each is computed once at least.
    assert least_computed(table) == 22


TABLE = RequestTable(("a", "b"), (("x", "1"), ("y", "2"), ("x", "3")))


def test_requests_are_put_together_from_the_table() -> None:
    answer = ([2, 0, 1], [[1, 0], [0, 1], [1, 0]])
    assert checked_requests(answer, TABLE) == ["3x", "x1", "2y"]


@pytest.mark.parametrize(
    ("answer", "complaint"),
    [
        (None, "the answer has to be a pair (rows, columns)"),
        ([[0, 1, 2]], "the answer has to be a pair (rows, columns)"),
        (([0, 1], [[0, 1]] * 2), "rows has 2 entries; must have 3, one for each request"),
        (([0, 1, 1], [[0, 1]] * 3), "rows: row 1 stands 2 times and row 2 not at all"),
        (([0, 1, 3], [[0, 1]] * 3), "rows[2] is 3; must be an integer in 0..2"),
        (([0, 1, 2], [[0, 1], [0, 1], [0]]), "columns[2] has 1 entries; must have 2, one for each position"),
        (
            ([0, 1, 2], [[0, 1], [1, 1], [0, 1]]),
            "columns[1]: column 1 stands 2 times and column 0 not at all",
        ),
        (([0, 1, 2], [["x", "1"], ["y", "2"], ["x", "3"]]), "columns[0][0] is the text 'x'"),
        (([0, 1, True], [[0, 1]] * 3), "rows[2] is the boolean True"),
        (([0, 1, float("nan")], [[0, 1]] * 3), "rows[2] is nan"),
    ],
)
def test_what_is_wrong_is_told_with_its_place(answer: object, complaint: str) -> None:
    with pytest.raises(InvalidDecision) as caught:
        checked_requests(answer, TABLE)
    assert complaint in caught.value.feedback


def test_merged_columns_stand_together_at_the_end() -> None:
    table = RequestTable(("a", "b", "c"), (("1", "2", "3"), ("4", "5", "6")))
    merged = table.merged((("c", "a"), ("b", "nobody")))
    assert merged == RequestTable(("b", "c_a"), (("2", "31"), ("5", "64")))
    assert merged.characters == table.characters


def test_a_csv_file_is_read_as_it_is_written(tmp_path: Path) -> None:
    file = tmp_path / "beer.csv"
    file.write_text('\ufeffa,b\n"x, ""y""\nz",007\n,é\n', encoding="utf-8")
    assert read_table(file) == RequestTable(("a", "b"), (('x, "y"\nz', "007"), ("", "é")))


@pytest.mark.parametrize(
    ("content", "complaint"),
    [
        ("a,b\n1,2\n3\n", "line 3: 1 cells, but 2 columns"),
        ("a,a\n1,2\n3,4\n", "2 columns and 2 rows"),
        ("a,b\n1,2\n", "2 columns and 1 rows"),
        ("", "0 columns and 0 rows"),
        ('a\n""\n""\n', "all cells are empty"),
        ('a\n"1\n', "not a CSV file"),
        (b"a\n\xff\n", "not a CSV file in UTF-8"),
    ],
)
def test_a_file_that_is_no_table_is_refused(tmp_path: Path, content: str | bytes, complaint: str) -> None:
    file = tmp_path / "mine.csv"
    file.write_bytes(content.encode() if isinstance(content, str) else content)
    with pytest.raises(InstanceFileError, match=complaint):
        read_table(file)


def test_published_merges_are_pairs_of_columns_and_identifiers() -> None:
    assert list(PUBLISHED_MERGES) == ["movies", "beer", "BIRD", "PDMX", "products"]


def test_published_scales() -> None:
    """Anchors of the leaderboard: the original order is 0, everything hit at once is 100."""
    assert leaderboard_quality(0.0696325852726434) == 0.0
    assert leaderboard_quality(0.01) == 0.0
    assert leaderboard_quality(1.0) == 95.0
    perfect = [Outcome(instance="t", metrics={"prefix_hit_rate": 1.0}, cpu_seconds=0.0)]
    assert leaderboard_score(perfect) == 100.0
    assert skydiscover_score(perfect) == 1.0
    half = [
        Outcome(instance="t", metrics={"prefix_hit_rate": rate}, cpu_seconds=seconds)
        for rate, seconds in ((0.4, 2.0), (0.6, 10.0))
    ]
    assert leaderboard_score(half) == pytest.approx(leaderboard_quality(0.5) + 2.0)
    assert skydiscover_score(half) == pytest.approx(0.95 * 0.5 + 0.05 * 0.5)


def test_generated_tables_repeat_and_have_the_declared_traits() -> None:
    model = TableModel(
        rows=200,
        entities=(EntityModel("thing", 20, (2, 0, 3), 1.0),),
        categories=(5,),
        ratings=1,
        text_words=6,
        missing=0.25,
        times=True,
    )
    table = generate_table(model, 7)
    assert table == generate_table(model, 7)
    assert table != generate_table(model, 8)
    assert sorted(table.columns) == [
        "category_0",
        "rating_0",
        "text",
        "thing_0",
        "thing_1",
        "thing_2",
        "time",
    ]
    cells = {name: [row[column] for row in table.rows] for column, name in enumerate(table.columns)}
    described = {(cells["thing_0"][row], cells["thing_1"][row], cells["thing_2"][row]) for row in range(200)}
    assert len(described) == len({first for first, _, _ in described}) <= 20
    assert len(set(cells["text"])) > 190
    assert 0.15 < cells["category_0"].count("") / 200 < 0.35
    assert cells["time"] == sorted(cells["time"])
