import pytest
from hypothesis import given

from evaluators.cloud.broadcast import Broadcast
from evaluators.cloud.broadcast_plan import Plan, checked_plan
from evolve.problem import InvalidDecision
from tests.evaluators.cloud.broadcasts import planned, small

BROADCAST = small(
    {
        ("aws:a", "gcp:b"): (0.1, 5.0),
        ("gcp:b", "azure:c"): (0.1, 5.0),
        ("azure:c", "gcp:b"): (0.1, 5.0),
    },
    ("gcp:b", "azure:c"),
)
TO_B = ["aws:a", "gcp:b"]
TO_C = ["aws:a", "gcp:b", "azure:c"]
VALID = {"gcp:b": [TO_B, TO_B], "azure:c": [TO_C, TO_C]}


def test_a_valid_plan_comes_back_in_the_order_of_the_broadcast() -> None:
    plan = checked_plan(dict(reversed(VALID.items())), BROADCAST)
    assert list(plan) == ["gcp:b", "azure:c"]
    assert plan["azure:c"] == (("aws:a", "gcp:b", "azure:c"),) * 2


@given(planned())
def test_every_plan_that_is_valid_is_accepted(case: tuple[Broadcast, Plan]) -> None:
    broadcast, plan = case
    answer = {destination: [list(path) for path in paths] for destination, paths in plan.items()}
    assert checked_plan(answer, broadcast) == plan


@pytest.mark.parametrize(
    ("answer", "message"),
    [
        (None, "the answer is None; must be a dict from each destination to its paths"),
        ([TO_B], "the answer is a value of type list; must be a dict"),
        (VALID | {"aws:a": [["aws:a"]] * 2}, "the answer has paths to 'aws:a', which is no destination"),
        (VALID | {7: []}, "the answer has paths to a value of type int, which is no destination"),
        ({"gcp:b": [TO_B, TO_B]}, "the answer has no paths to the destination 'azure:c'"),
        (VALID | {"azure:c": "aws:a"}, "paths['azure:c'] is 'aws:a'; must be a list with a path for each"),
        (VALID | {"azure:c": [TO_C]}, "paths['azure:c'] has 1 paths; must have 2, one for each partition"),
        (VALID | {"azure:c": [TO_C] * 3}, "paths['azure:c'] has 3 paths; must have 2"),
        (VALID | {"azure:c": [TO_C, None]}, "paths['azure:c'][1] is None; must be a list of regions"),
        (VALID | {"azure:c": [TO_C, []]}, "paths['azure:c'][1] starts at nowhere; must start at the source"),
        (VALID | {"azure:c": [TO_C, TO_C[1:]]}, "[1] starts at 'gcp:b'; must start at the source 'aws:a'"),
        (VALID | {"azure:c": [TO_C, TO_B]}, "[1] ends at 'gcp:b': partition 1 does not reach 'azure:c'"),
        (
            VALID | {"azure:c": [["aws:a", "azure:c"], TO_C]},
            "[0] goes from 'aws:a' to 'azure:c', and there is",
        ),
        (VALID | {"gcp:b": [TO_B, [*TO_C, "gcp:b"]]}, "['gcp:b'][1] visits 'gcp:b' twice; a path must not"),
        (
            VALID | {"gcp:b": [["aws:a", "aws:x"], TO_B]},
            "['gcp:b'][0][1] is 'aws:x'; must be a region of the",
        ),
        (VALID | {"gcp:b": [["aws:a", 1.5], TO_B]}, "['gcp:b'][0][1] is 1.5; must be a region of the graph"),
        (VALID | {"gcp:b": [["x" * 99], TO_B]}, "['gcp:b'][0][0] is '" + "x" * 60 + "…'; must be a region"),
        (
            VALID | {"gcp:b": [[["aws:a", "gcp:b", {"cost": 0.0}]], TO_B]},
            "['gcp:b'][0][0] is a value of type list; must be a region of the graph",
        ),
    ],
)
def test_says_what_is_wrong_and_where(answer: object, message: str) -> None:
    with pytest.raises(InvalidDecision) as error:
        checked_plan(answer, BROADCAST)
    assert message in error.value.feedback
