import ast
import json
from pathlib import Path

import pytest

from evolve.problem import Direction, InstanceFileError, Split, Status
from evolve.scoring import choose_reference, gap, geometric_mean
from problems.multicloud_broadcast import problem as module
from problems.multicloud_broadcast.problem import problem
from tests.support.direct_candidate import DirectCandidate
from tests.support.shipped import Shipped

FOLDER = Path(str(module.__file__)).parent
SHIPPED = Shipped(problem)
SOURCES, outcomes, values = SHIPPED.sources, SHIPPED.outcomes, SHIPPED.values


@pytest.mark.parametrize("split", Split)
@pytest.mark.parametrize("program", SOURCES)
def test_programs_are_valid_and_above_the_bound(program: str, split: Split) -> None:
    for instance, outcome in zip(problem.instances(split), outcomes(program, split), strict=True):
        assert outcome.instance == instance.name
        assert outcome.status is Status.OK
        assert outcome.value == outcome.metrics["total_usd"] >= problem.bound(instance)
        parts = outcome.metrics["egress_usd"] + outcome.metrics["vm_usd"]
        assert outcome.value == pytest.approx(parts, rel=1e-12)
        assert "destinations" in outcome.feedback


@pytest.mark.parametrize("split", Split)
def test_every_instance_has_room_above_the_best_baseline(split: Split) -> None:
    found = {name: values(name, split) for name in problem.baselines}
    reference = choose_reference(found, Direction.MINIMISE)
    assert reference.baseline == "MDST"
    seed = [reference.score(name, value) for name, value in values("seed", split).items()]
    assert 0.7 < geometric_mean(seed) < 1.0
    for instance in problem.instances(split):
        best = min(found[name][instance.name] for name in problem.baselines)
        assert gap(best, problem.bound(instance), Direction.MINIMISE) >= 0.06
        assert len({found[name][instance.name] for name in found}) > 1


def test_evaluations_repeat() -> None:
    assert SHIPPED.evaluated("seed", Split.TRAIN) == outcomes("seed", Split.TRAIN)


def test_instances_are_the_same_at_every_call_and_all_different() -> None:
    names = [instance.name for split in Split for instance in problem.instances(split)]
    assert len(names) == len(dict.fromkeys(names)) == 26
    seen = []
    for split in Split:
        module._instances.cache_clear()
        first = problem.instances(split)
        module._instances.cache_clear()
        for one, other in zip(first, problem.instances(split), strict=True):
            assert one.name == other.name
            assert one.payload.grid == other.payload.grid
            assert one.payload.destinations == other.payload.destinations
        seen += [instance.payload.grid for instance in first]
    assert all(one != other for at, one in enumerate(seen) for other in seen[:at])


def test_seed_has_its_block_and_every_program_the_entry_point() -> None:
    lines = SOURCES["seed"].splitlines()
    assert lines.count("# EVOLVE-BLOCK-START") == lines.count("# EVOLVE-BLOCK-END") == 1
    for program, source in SOURCES.items():
        functions = {node.name: node for node in ast.parse(source).body if isinstance(node, ast.FunctionDef)}
        parameters = functions[problem.entry_point.function].args.args
        assert tuple(one.arg for one in parameters) == problem.entry_point.parameters, program


def test_features_are_numbers_that_any_program_can_read() -> None:
    for feature in problem.features:
        head = "def search_algorithm(src, dsts, graph, num_partitions, config):\n"
        payload = problem.instances(Split.TRAIN)[0].payload
        arguments = (
            payload.source,
            list(payload.destinations),
            module.visible_graph(payload),
            payload.partitions,
            module.visible_config(payload),
        )
        assert isinstance(
            DirectCandidate(f"{head}    return float({feature.expression})").call(
                "search_algorithm", *arguments
            ),
            float,
        )


def test_a_file_becomes_one_instance_named_after_it(tmp_path: Path) -> None:
    file = tmp_path / "copy.json"
    configuration = {
        "source_node": "aws:a",
        "dest_nodes": ["aws:b", "aws:c"],
        "data_vol": 100,
        "num_partitions": 2,
        "ingress_limit": {"aws": 10},
        "egress_limit": {"aws": 5},
        "links": [["aws:a", "aws:b", 0.1, 5], ["aws:b", "aws:c", 0.02, 5], ["aws:a", "aws:c", 0.1, 5]],
    }
    file.write_text(json.dumps(configuration))
    (instance,) = problem.read_instances(file)
    assert instance.name == "copy"
    mdst = problem.evaluate(instance, DirectCandidate(SOURCES["MDST"]))
    direct = problem.evaluate(instance, DirectCandidate(SOURCES["direct"]))
    assert mdst.metrics["egress_usd"] == pytest.approx(12.0)
    assert direct.metrics["egress_usd"] == pytest.approx(20.0)
    file.write_text("{}")
    with pytest.raises(InstanceFileError, match="not a broadcast"):
        problem.read_instances(file)
