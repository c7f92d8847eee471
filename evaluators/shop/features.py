"""What a dispatching rule may read about a waiting operation and about the shop at that moment.

The short names in brackets are those of the genetic-programming literature on dispatching rules (S. Nguyen,
Y. Mei, M. Zhang, "Genetic programming for production scheduling: a survey with a unified framework", Complex
& Intelligent Systems 3 (2017), 41-66).
"""

from evolve.problem import Feature, RecordType

OPERATION_FEATURES = (
    Feature("operation.duration", "time", "processing time of the operation [PT]"),
    Feature("operation.work_remaining", "time", "durations left in its job, this operation included [WKR]"),
    Feature("operation.work_done", "time", "durations of the operations of its job that are complete"),
    Feature("operation.operations_remaining", "count", "operations left in its job, this one included [NOR]"),
    Feature("operation.operations_done", "count", "operations of its job that are complete"),
    Feature(
        "operation.next_duration", "time", "duration of the job's next operation, 0 after the last [NPT]"
    ),
    Feature("operation.longest_remaining", "time", "longest duration left in its job, this one included"),
    Feature("operation.arrival", "time", "when the operation joined this queue [RT, ready time]"),
    Feature("operation.waiting", "time", "how long the operation has been in this queue"),
    Feature("operation.next_queue_length", "count", "operations that wait for the job's next machine [NINQ]"),
    Feature("operation.next_queue_work", "time", "durations of those operations [WINQ]"),
    Feature("operation.next_machine_work", "time", "durations that the job's next machine has yet to start"),
    Feature(
        "operation.next_machine_ready", "time", "from now until the job's next machine is free, 0 if it is"
    ),
)
"""Those of the waiting operation. What concerns the next machine is 0 for the last operation of a job."""

STATE_FEATURES = (
    Feature("state.jobs", "count", "jobs of the instance"),
    Feature("state.machines", "count", "machines of the instance, and operations of each job"),
    Feature("state.mean_duration", "time", "mean duration of all operations of the instance"),
    Feature("state.lower_bound", "time", "job/machine bound of the makespan"),
    Feature("state.time", "time", "the simulated time, from 0"),
    Feature("state.operations_unstarted", "count", "operations of the instance that have not started"),
    Feature("state.longest_work_remaining", "time", "largest work that any job has yet to start"),
    Feature("state.bottleneck_work", "time", "largest work that any machine has yet to start"),
    Feature("state.queue_length", "count", "operations that wait for this machine [NIQ]"),
    Feature("state.queue_work", "time", "durations of those operations [WIQ]"),
    Feature("state.machine_work", "time", "durations that this machine has yet to start, its queue included"),
)
"""Those of the machine that decides, and of the whole shop."""


def _record(name: str, features: tuple[Feature, ...]) -> RecordType:
    return RecordType(name, tuple(feature.expression.removeprefix(f"{name}.") for feature in features))


OPERATION = _record("operation", OPERATION_FEATURES)
STATE = _record("state", STATE_FEATURES)
