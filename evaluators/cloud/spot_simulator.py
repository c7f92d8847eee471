"""Runs the jobs of a market with one region side by side, one lockstep call for each tick.

All jobs of a workload meet the same market at the same time, so what a program sees of one tells it nothing
of the future of another, even if it remembers everything.
"""

import numpy as np

from evaluators.cloud.spot import Kind, SpotWorkload
from evaluators.cloud.spot_job import JobRun
from evolve.problem import Candidate, Feature, InvalidDecision, RecordType, Table

_FIELDS = (
    ("job", "1", "number of the job within the workload, from 0"),
    ("elapsed", "s", "time since the start"),
    ("time_left", "s", "time until the deadline"),
    ("remaining", "s", "work left"),
    ("done", "s", "work done"),
    ("has_spot", "0 or 1", "whether there is a spot instance in this tick"),
    ("last", "kind", "what ran in the tick before, even if it has been taken away since"),
    ("running", "kind", "what is running now: `last`, or 0 after a preemption"),
    ("overhead_left", "s", "overhead of the latest start that has not passed yet"),
    ("spot_streak", "ticks", "how many ticks in a row availability has been as it is now, this one included"),
    ("spot_share", "1", "share of all ticks so far, this one included, in which there was spot"),
    ("gap", "s", "length of a tick"),
    ("duration", "s", "work of the whole job"),
    ("deadline", "s", "deadline, from the start"),
    ("overhead", "s", "overhead of each start"),
    ("spot_price", "USD/h", "price of a spot instance"),
    ("on_demand_price", "USD/h", "price of an on-demand instance"),
)
STATE = RecordType("State", tuple(name for name, _, _ in _FIELDS))
FEATURES = tuple(Feature(f"state.{name}", unit, meaning) for name, unit, meaning in _FIELDS)
_KINDS = {float(kind): kind for kind in Kind}


def simulate(workload: SpotWorkload, candidate: Candidate, function: str) -> list[JobRun]:
    """Run all jobs to their ends under the policy that `function(state)` of the candidate computes.

    Raises:
        CandidateFailure: The candidate failed, or answered something else than 0, 1 or 2.
    """
    market = workload.market
    if market.regions != 1:
        raise ValueError(f"a market of {market.regions} regions cannot be simulated as one region")
    constant = [
        (
            float(market.gap),
            float(job.duration),
            float(job.deadline),
            float(job.overhead),
            float(market.spot_prices[0, 0]),
            market.on_demand_price,
        )
        for job in workload.jobs
    ]
    runs = [JobRun(job, market, workload.loses_tick) for job in workload.jobs]
    going = list(enumerate(runs))
    streak = seen = 0
    before: bool | None = None
    for tick, spot in enumerate(market.available[0].tolist()):
        streak = streak + 1 if spot is before else 1
        seen += spot
        before = spot
        elapsed, share = tick * market.gap, seen / (tick + 1)
        rows = [
            (
                number,
                elapsed,
                run.job.deadline - elapsed,
                # The fields that `observe` changes come after it.
                *_observed(run, tick, spot),
                streak,
                share,
                *constant[number],
            )
            for number, run in going
        ]
        answers = candidate.lockstep(function, Table(STATE, np.array(rows, dtype=np.float64))).tolist()
        going = [
            (number, run)
            for (number, run), answer in zip(going, answers, strict=True)
            if run.decide(tick, 0, _checked_kind(answer, number, run, tick))
        ]
        if not going:
            break
    return runs


def _observed(run: JobRun, tick: int, spot: bool) -> tuple[int, int, bool, int, int, int]:
    running = run.observe(tick)
    return run.remaining, run.done, spot, run.last, running, run.pending


def _checked_kind(answer: float, number: int, run: JobRun, tick: int) -> Kind:
    kind = _KINDS.get(answer)
    if kind is None:
        raise InvalidDecision(
            f"job {number} ({run.job.name}), tick {tick}: the decision is {answer:g};"
            " it has to be 0 (idle), 1 (spot) or 2 (on-demand)"
        )
    return kind
