"""What worked against published evaluators of this problem, tried in the real sandbox."""

from collections.abc import Iterator

import pytest

from evolve.execution.evaluate import evaluate_program
from evolve.execution.isolation import IsolationLevel
from evolve.execution.sandbox import Sandbox
from evolve.problem import Outcome, Split, Status
from problems.multicloud_broadcast.problem import problem

INSTANCES = problem.instances(Split.TRAIN)[:3]

HONEST = """
def search_algorithm(src, dsts, graph, num_partitions, config):
    return {dst: [[src, dst]] * num_partitions for dst in dsts}
"""

HEAD = "def search_algorithm(src, dsts, graph, num_partitions, config):\n"

INVALID = {
    "delivers nothing": (HEAD + "    return {dst: [] for dst in dsts}", "has 0 paths; must have 10"),
    "empty paths": (HEAD + "    return {dst: [[]] * num_partitions for dst in dsts}", "starts at nowhere"),
    "leaves a destination out": (
        HEAD + "    return {dst: [[src, dst]] * num_partitions for dst in dsts[1:]}",
        "has no paths to the destination",
    ),
    "leaves partitions out": (
        HEAD + "    return {dst: [[src, dst]] * (num_partitions - 1) for dst in dsts}",
        "has 9 paths; must have 10, one for each partition",
    ),
    "delivers one partition only": (
        HEAD + "    return {dst: [[src, dst]] + [[src]] * (num_partitions - 1) for dst in dsts}",
        "partition 1 does not reach",
    ),
    "stops short": (
        HEAD + "    return {dst: [[src, dsts[0]]] * num_partitions for dst in dsts}",
        "does not reach",
    ),
    "starts where the data is not": (
        HEAD
        + "    near = {d: min((u for u in graph if d in graph[u]), key=lambda u: graph[u][d]['cost'])"
        + " for d in dsts}\n"
        + "    return {d: [[near[d], d]] * num_partitions for d in dsts}",
        "must start at the source",
    ),
    "a cycle": (
        HEAD + "    return {dst: [[src, dst, src, dst]] * num_partitions for dst in dsts}",
        "twice; a path must not have a cycle",
    ),
    "edges with forged prices": (
        HEAD
        + "    free = {'cost': 0.0, 'throughput': 1e9}\n"
        + "    return {dst: [[[src, dst, free]]] * num_partitions for dst in dsts}",
        "must be a region of the graph",
    ),
    "a region of its own": (
        HEAD + "    return {dst: [[src, 'free:relay', dst]] * num_partitions for dst in dsts}",
        "is 'free:relay'; must be a region of the graph",
    ),
    "a link of its own": (
        HEAD + "    return {dst: [[src, src, dst]] * num_partitions for dst in dsts}",
        "and there is no such link",
    ),
    "a further destination": (
        HEAD
        + "    plan = {dst: [[src, dst]] * num_partitions for dst in dsts}\n"
        + "    return plan | {src: [[src]] * num_partitions}",
        "which is no destination",
    ),
    "a cost of its own": (HEAD + "    return 0.01", "must be a dict from each destination"),
    "a plan with a cost": (
        HEAD + "    return {dst: [[src, dst]] * num_partitions for dst in dsts} | {'cost': 0.01}",
        "the answer has paths to 'cost', which is no destination",
    ),
}

GAINS_NOTHING = {
    "forges prices in its graph": HEAD
    + """    for links in graph.values():
        for link in links.values():
            link["cost"], link["throughput"] = 0.0, 1e9
    config["vm_usd_per_hour"] = 0.0
    config["egress_gbps"].update(aws=1e9, gcp=1e9, azure=1e9)
    config["data_gb"] = 0.0
    return {dst: [[src, dst]] * num_partitions for dst in dsts}
""",
    "takes its graph apart": HEAD
    + """    plan = {dst: [[src, dst]] * num_partitions for dst in dsts}
    graph.clear()
    dsts.clear()
    return plan
""",
    "keeps a forged graph for later calls": """
import builtins
"""
    + HEAD
    + """    builtins.kept = getattr(builtins, "kept", None) or graph
    for links in builtins.kept.values():
        for link in links.values():
            link["cost"] = 0.0
    return {dst: [[src, dst]] * num_partitions for dst in dsts}
""",
    "prints a score": HEAD
    + """    print('{"status": "ok", "value": 0.01, "score": 1e9}')
    return {dst: [[src, dst]] * num_partitions for dst in dsts}
""",
}

OBJECTS = """
class Topology(dict):
    calls = 0
    def __getitem__(self, key):
        Topology.calls += 1
        return [] if Topology.calls > 2 else dict.__getitem__(self, key)
    def items(self):
        return []
    def __len__(self):
        return 0
"""

CRASHES = {
    "an object with methods": "class T:\n    paths = {}\n" + HEAD + "    return T()",
    "a generator": HEAD + "    return ([src, dst] for dst in dsts)",
}


@pytest.fixture(scope="module")
def sandbox() -> Iterator[Sandbox]:
    with Sandbox(needs_numpy=problem.needs_numpy, minimum=IsolationLevel.LIMITS) as sandbox:
        yield sandbox


def outcomes(sandbox: Sandbox, source: str) -> list[Outcome]:
    return evaluate_program(problem, sandbox, source, INSTANCES)


@pytest.mark.parametrize("cheat", INVALID)
def test_is_invalid_and_told_why(sandbox: Sandbox, cheat: str) -> None:
    source, feedback = INVALID[cheat]
    (outcome,) = outcomes(sandbox, source)
    assert (outcome.status, outcome.value) == (Status.INVALID, None)
    assert feedback in outcome.feedback


@pytest.mark.parametrize("cheat", CRASHES)
def test_nothing_but_data_comes_across(sandbox: Sandbox, cheat: str) -> None:
    (outcome,) = outcomes(sandbox, CRASHES[cheat])
    assert outcome.status in (Status.INVALID, Status.CRASHED)
    assert outcome.value is None


@pytest.mark.parametrize("cheat", GAINS_NOTHING)
def test_gains_nothing(sandbox: Sandbox, cheat: str) -> None:
    honest = outcomes(sandbox, HONEST)
    for expected, found in zip(honest, outcomes(sandbox, GAINS_NOTHING[cheat]), strict=True):
        assert found.status is Status.OK
        assert (found.value, found.metrics) == (expected.value, expected.metrics)


def test_a_plan_with_methods_of_its_own_is_read_once_and_judged_as_it_was_then(sandbox: Sandbox) -> None:
    source = OBJECTS + HEAD + "    return Topology({dst: [[src, dst]] * num_partitions for dst in dsts})"
    (outcome,) = outcomes(sandbox, source)
    assert outcome.status is Status.INVALID
    assert "has no paths to the destination" in outcome.feedback


def test_raising_on_all_but_the_cheapest_leaves_no_score(sandbox: Sandbox) -> None:
    source = HEAD + "    assert num_partitions == 10, 'too dear'\n" + HONEST.strip().splitlines()[1]
    found = outcomes(sandbox, source)
    assert [one.status for one in found] == [Status.OK, Status.CRASHED]
