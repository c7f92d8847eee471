"""A small sound problem as text, for tests that break it in one place."""

from pathlib import Path

FILES = {
    "problem.py": """
from random import Random

from evaluators.checks import integer_array
from evolve.problem import (
    Direction, EntryPoint, Feature, Instance, InvalidDecision, Limits, Objective, Outcome, Problem,
    Split,
)


class Queue(Problem):
    name = "queue"
    summary = "Which job goes next?"
    entry_point = EntryPoint("order", ("durations",))
    objectives = (Objective("waiting", "s", Direction.MINIMISE),)
    baselines = {"FIFO": "baselines/fifo.py", "coarse": "baselines/coarse.py", "fine": "baselines/fine.py"}
    features = (Feature("len(durations)", "1", "jobs"),)
    limits = Limits(cpu_seconds=2.0, wall_seconds=20.0, memory_bytes=128 * 2**20)

    def instances(self, split):
        first = {Split.TRAIN: 100, Split.VALIDATION: 200, Split.TEST: 300}[split]
        return [Instance(f"{split.value}-{number}", jobs(first + number)) for number in range(3)]

    def evaluate(self, instance, candidate):
        durations = instance.payload
        answer = candidate.call("order", list(durations))
        chosen = integer_array(answer, "order", (len(durations),), 0, len(durations), ("position",)).tolist()
        if sorted(chosen) != list(range(len(durations))):
            raise InvalidDecision("a job is missing or stands twice")
        value = waiting(durations, chosen)
        return Outcome(instance=instance.name, value=value, metrics={"waiting": value}, feedback="done")

    def bound(self, instance):
        return waiting(instance.payload, sorted(range(12), key=instance.payload.__getitem__))


def jobs(seed):
    random = Random(seed)
    return [random.randint(100, 9999) for _ in range(12)]


def waiting(durations, order):
    time = total = 0.0
    for job in order:
        time += durations[job]
        total += time
    return total


problem = Queue()
""",
    "statement.md": "Define `order(durations)`: the numbers of the jobs, in the order in which to run.\n",
    "seed.py": """
# EVOLVE-BLOCK-START
def worth(duration):
    return duration // 5000


def order(durations):
    return sorted(range(len(durations)), key=lambda job: worth(durations[job]))
# EVOLVE-BLOCK-END
""",
    "baselines/fifo.py": "def order(durations):\n    return list(range(len(durations)))\n",
    "baselines/coarse.py": """
def order(durations):
    return sorted(range(len(durations)), key=lambda job: durations[job] // 3000)
""",
    "baselines/fine.py": """
def order(durations):
    return sorted(range(len(durations)), key=lambda job: durations[job] // 1000)
""",
}
"""The files of the problem, by path."""


def write_plugin(folder: Path, *changes: tuple[str, str, str]) -> Path:
    """Write the problem into a new folder, changed: a file, a text in it, what takes its place."""
    files = dict(FILES)
    for file, old, new in changes:
        assert files[file].count(old) >= 1, (file, old)
        files[file] = files[file].replace(old, new)
    for file, text in files.items():
        path = folder / file
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text.lstrip("\n"))
    return folder
