"""Runs one job on a market of several regions, one question to the program for each tick."""

from evaluators.checks import integer_array
from evaluators.cloud.spot import Kind, SpotWorkload
from evaluators.cloud.spot_job import JobRun
from evolve.problem import Candidate, Feature, InvalidDecision, Value

_STATE = (
    ("elapsed", "s", "time since the start"),
    ("time_left", "s", "time until the deadline"),
    ("remaining", "s", "work left"),
    ("done", "s", "work done"),
    ("region", "1", "the region where the job is, by number"),
    ("last", "kind", "what ran in the tick before, even if it has been taken away since"),
    ("running", "kind", "what is running now: `last`, or 0 after a preemption"),
    ("overhead_left", "s", "overhead of the latest start that has not passed yet"),
    ("gap", "s", "length of a tick"),
    ("duration", "s", "work of the whole job"),
    ("deadline", "s", "deadline, from the start"),
    ("overhead", "s", "overhead of each start"),
    ("on_demand_price", "USD/h", "price of an on-demand instance, the same in all regions"),
)
FEATURES = (
    *(Feature(f'state["{name}"]', unit, meaning) for name, unit, meaning in _STATE),
    Feature("len(spot)", "1", "number of regions"),
    Feature("sum(spot)", "1", "regions with spot in this tick"),
    Feature('spot[state["region"]]', "0 or 1", "whether there is spot where the job is"),
    Feature("min(prices)", "USD/h", "lowest spot price of all regions"),
    Feature('prices[state["region"]]', "USD/h", "spot price where the job is"),
)


def simulate(workload: SpotWorkload, candidate: Candidate, function: str) -> JobRun:
    """Run the job to its end under the policy that `function(state, spot, prices)` of the candidate computes.

    Raises:
        CandidateFailure: The candidate failed, or answered something else than a region and a kind.
    """
    market = workload.market
    if len(workload.jobs) != 1:
        raise ValueError(f"{len(workload.jobs)} jobs cannot be simulated as one")
    run = JobRun(workload.jobs[0], market, workload.loses_tick)
    constant: dict[str, Value] = {
        "gap": market.gap,
        "duration": run.job.duration,
        "deadline": run.job.deadline,
        "overhead": run.job.overhead,
        "on_demand_price": market.on_demand_price,
    }
    spot, prices = market.available.T.tolist(), market.spot_prices.T.tolist()
    for tick in range(market.ticks):
        running = run.observe(tick)
        elapsed = tick * market.gap
        state = {
            "elapsed": elapsed,
            "time_left": run.job.deadline - elapsed,
            "remaining": run.remaining,
            "done": run.done,
            "region": run.region,
            "last": int(run.last),
            "running": int(running),
            "overhead_left": run.pending,
            **constant,
        }
        answer = candidate.call(function, state, spot[tick], prices[tick])
        try:
            region, kind = _checked(answer, market.regions)
        except InvalidDecision as error:
            raise InvalidDecision(f"tick {tick}: {error.feedback}") from None
        if not run.decide(tick, region, kind):
            break
    return run


def _checked(answer: object, regions: int) -> tuple[int, Kind]:
    if type(answer) is list and [*map(type, answer)] == [int, int] and min(answer) >= 0:
        region, kind = answer  # nearly always; the check of arrays takes longer than the rest of a tick
    else:
        region, kind = integer_array(answer, "the decision", (2,), 0, max(regions, len(Kind))).tolist()
    if region >= regions:
        raise InvalidDecision(f"region {region} does not exist; regions are 0 to {regions - 1}")
    if kind >= len(Kind):
        raise InvalidDecision(f"kind {kind} does not exist; it has to be 0 (idle), 1 (spot) or 2 (on-demand)")
    return region, Kind(kind)
