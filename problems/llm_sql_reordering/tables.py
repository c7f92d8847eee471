"""The tables of the problem: what is generated for each split."""

from functools import cache

import msgspec

from evaluators.database.prefix_generator import EntityModel, TableModel, generate_table
from evaluators.database.prefix_table import Merges, RequestTable
from evolve.problem import Instance, Split


class _Case(msgspec.Struct, frozen=True):
    """A table to generate, and the columns that are known to belong together."""

    name: str
    model: TableModel
    merges: Merges = ()


# Cases of `train` and `validation`. The names say which published table they resemble.
_SEARCH_CASES = (
    _Case(
        "movies",
        TableModel(
            rows=400,
            entities=(EntityModel("film", 60, (4, 12, 6, 0), 0.9), EntityModel("critic", 90, (2, 2), 0.8)),
            categories=(2, 8),
            ratings=1,
            text_words=16,
        ),
        (("film_0", "film_1"),),
    ),
    _Case(
        "beer",
        TableModel(
            rows=600,
            entities=(EntityModel("beer", 70, (4, 0), 0.7), EntityModel("reviewer", 140, (1,), 0.9)),
            categories=(25,),
            ratings=5,
            times=True,
        ),
        (("beer_1", "beer_0"),),
    ),
    _Case(
        "posts",
        TableModel(
            rows=300,
            entities=(EntityModel("post", 45, (0, 40), 0.8),),
            categories=(6,),
            ratings=1,
            text_words=20,
            times=True,
        ),
        (("post_0", "post_1"),),
    ),
    _Case(
        "scores",
        TableModel(
            rows=350,
            entities=(EntityModel("composer", 50, (2, 3), 1.0), EntityModel("song", 250, (3, 5), 0.5)),
            categories=(2, 2, 3, 2, 5, 12, 30),
            ratings=3,
            missing=0.15,
        ),
        (("song_0", "song_1"), ("category_0", "category_1", "category_3")),
    ),
    _Case(
        "products",
        TableModel(
            rows=350,
            entities=(EntityModel("product", 80, (8, 0, 3), 0.8), EntityModel("user", 280, (0,), 0.4)),
            categories=(2, 15),
            ratings=2,
            text_words=14,
            times=True,
        ),
        (("product_0", "product_1"),),
    ),
    _Case(
        "tickets",
        TableModel(
            rows=500,
            entities=(EntityModel("customer", 120, (2, 4, 2), 0.9), EntityModel("agent", 20, (2, 1), 0.6)),
            categories=(4, 10, 3, 60),
            ratings=1,
            text_words=8,
            missing=0.1,
        ),
    ),
    _Case(
        "sensors",
        TableModel(
            rows=700,
            entities=(EntityModel("site", 12, (3, 2), 0.3), EntityModel("device", 90, (1, 0), 0.4)),
            categories=(3, 5),
            ratings=6,
            missing=0.05,
        ),
        (("device_0", "device_1"),),
    ),
    _Case(
        "log",
        TableModel(
            rows=450,
            entities=(EntityModel("template", 40, (10, 1), 1.1), EntityModel("host", 60, (1, 0, 1), 0.5)),
            categories=(4, 8),
            text_words=5,
            times=True,
        ),
    ),
)

# Cases of `test`: more rows and columns, heavier tails, more that is missing, more that nobody declared.
_TEST_CASES = (
    _Case(
        "catalogue",
        TableModel(
            rows=1500,
            entities=(
                EntityModel("product", 200, (8, 0, 3, 20), 1.2),
                EntityModel("seller", 60, (2, 3, 1), 1.0),
                EntityModel("user", 900, (0, 1), 0.6),
            ),
            categories=(2, 15, 40),
            ratings=2,
            text_words=12,
            missing=0.2,
            times=True,
        ),
        (("product_0", "product_1"),),
    ),
    _Case(
        "wide",
        TableModel(
            rows=900,
            entities=(EntityModel("patient", 150, (2, 0, 1, 1), 1.3), EntityModel("ward", 9, (2, 3), 0.9)),
            categories=(2, 2, 2, 3, 3, 4, 5, 6, 8, 10, 14, 20, 40, 80),
            ratings=8,
            missing=0.35,
        ),
    ),
    _Case(
        "forum",
        TableModel(
            rows=1000,
            entities=(EntityModel("thread", 120, (6, 60, 0), 1.1), EntityModel("author", 400, (1, 0), 0.8)),
            categories=(20,),
            ratings=1,
            text_words=30,
            times=True,
        ),
        (("thread_2", "thread_1"),),
    ),
    _Case(
        "skewed",
        TableModel(
            rows=2000,
            entities=(EntityModel("item", 500, (5, 2), 1.5), EntityModel("place", 300, (2, 2, 2), 1.5)),
            categories=(100, 5),
            ratings=3,
            missing=0.1,
        ),
    ),
    _Case(
        "unique",
        TableModel(
            rows=800,
            entities=(EntityModel("paper", 700, (9, 0), 0.1), EntityModel("venue", 30, (3, 5), 0.9)),
            categories=(12,),
            text_words=25,
        ),
        (("paper_1", "paper_0"),),
    ),
    _Case(
        "narrow",
        TableModel(
            rows=2500,
            entities=(EntityModel("reviewer", 700, (1,), 1.1), EntityModel("beer", 300, (4, 0), 1.0)),
            ratings=2,
            times=True,
        ),
        (("beer_1", "beer_0"),),
    ),
)

_FIRST_SEED = {Split.TRAIN: 4100, Split.VALIDATION: 4200, Split.TEST: 4300}


@cache
def generated_tables(split: Split) -> tuple[Instance[RequestTable], ...]:
    """The generated tables of a split, declared columns merged."""
    cases = _TEST_CASES if split is Split.TEST else _SEARCH_CASES
    return tuple(
        Instance(
            f"{split.value}-{case.name}",
            generate_table(case.model, _FIRST_SEED[split] + number).merged(case.merges),
        )
        for number, case in enumerate(cases)
    )
